"""Workbooks as bytes, written by hand: a library would not write the hostile ones."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

Rows = Sequence[Sequence[str]]
"""Cells as XML, by `text`, `number` and their like; "" leaves one out."""

ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (  # 1 is a date, 2 a date with a time, 3 a time, 4 a length of time
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="4"><numFmt numFmtId="164" formatCode="d.m.yyyy"/>'
    '<numFmt numFmtId="165" formatCode="d.m.yyyy hh:mm"/><numFmt numFmtId="166" formatCode="hh:mm"/>'
    '<numFmt numFmtId="167" formatCode="[h]:mm:ss"/></numFmts><cellXfs count="5"><xf numFmtId="0"/>'
    '<xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/></cellXfs></styleSheet>'
)


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def boolean(value: str) -> str:
    return f'<c t="b"><v>{value}</v></c>'


def error(value: str) -> str:
    return f'<c t="e"><v>{value}</v></c>'


def formula(source: str, cached: str) -> str:
    return f'<c t="str"><f>{escape(source)}</f><v>{escape(cached)}</v></c>'


def texts(*rows: Sequence[str]) -> Rows:
    return [[text(value) if value else "" for value in row] for row in rows]


def xlsx(
    sheets: Mapping[str, Rows],
    *,
    hidden: Sequence[str] = (),
    also: Mapping[str, bytes] | None = None,
    first_row: int = 1,
) -> bytes:
    """Return a workbook with these sheets; `also` are other members of the archive."""
    listed, states = enumerate(sheets, start=1), ("visible", "hidden")
    members = {
        "[Content_Types].xml": _content_types(len(sheets)),
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="w" Type="{_RELATION}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="r{at}" state="{states[name in hidden]}"/>'
            for at, name in listed
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _relations(len(sheets)),
        "xl/styles.xml": _STYLES,
    }
    for at, rows in enumerate(sheets.values(), start=1):
        members[f"xl/worksheets/sheet{at}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{_rows(rows, first_row)}</sheetData></worksheet>'
        )
    return zipped({name: member.encode() for name, member in members.items()} | dict(also or {}))


def ods(rows: Sequence[Sequence[str]], *, also: Mapping[str, bytes] | None = None) -> bytes:
    """Return an OpenDocument spreadsheet of one sheet; cells are `table:table-cell` elements."""
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    table = "".join(f"<table:table-row>{''.join(cells)}</table:table-row>" for cells in rows)
    content = (
        f"<office:document-content{names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Kunden">{table}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    members = {"mimetype": ODS_TYPE.encode(), "META-INF/manifest.xml": b"<manifest/>", "content.xml": content.encode()}
    return zipped(members | dict(also or {}))


def ods_cell(shown: str, kind: str = "string", **attributes: str) -> str:
    told = "".join(f' office:{name.replace("_", "-")}="{each}"' for name, each in attributes.items())
    return f'<table:table-cell office:value-type="{kind}"{told}><text:p>{escape(shown)}</text:p></table:table-cell>'


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return file.getvalue()


def _rows(rows: Rows, first: int) -> str:
    return "".join(
        f'<row r="{at}">'
        + "".join(cell.replace("<c", f'<c r="{_column(place)}{at}"', 1) for place, cell in enumerate(cells) if cell)
        + "</row>"
        for at, cells in enumerate(rows, start=first)
        if any(cells)
    )


def _column(place: int) -> str:
    return chr(ord("A") + place)


def _content_types(sheets: int) -> str:
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for at in range(1, sheets + 1)
    )
    return (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{parts}</Types>'
    )


def _relations(sheets: int) -> str:
    each = "".join(
        f'<Relationship Id="r{at}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in range(1, sheets + 1)
    )
    styles = f'<Relationship Id="s" Type="{_RELATION}/styles" Target="styles.xml"/>'
    return f'<Relationships xmlns="{_RELATIONS}">{each}{styles}</Relationships>'
