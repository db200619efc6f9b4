"""What sqlglot leaves unlike Trino: expressions that are replaced, most of them by calls of `functions.sql`."""
import re
from typing import Callable

from sqlglot import exp

# Functions of Trino whose name DuckDB uses for something else.
_RENAMED = {
    "format": "printf", "hamming_distance": "hamming", "repeat": "trino_repeat", "reverse": "trino_reverse", "slice": "trino_slice",
    "to_base": "trino_to_base", "typeof": "trino_typeof", "url_decode": "trino_url_decode", "url_encode": "trino_url_encode", "zip": "trino_zip",
    "str_to_map": "split_to_map", "json_array_length": "trino_json_array_length", "array_position": "trino_array_position",
}  # fmt: skip


def mend(query: exp.Expression) -> exp.Expression:
    """Replaces what differs, the inner expressions before those around them."""
    for node in reversed(list(query.walk())):
        mended = _mended(node)
        if mended is node:
            continue
        if node is query:
            query = mended
        else:
            node.replace(mended)
    return query


def _mended(node: exp.Expression) -> exp.Expression:
    for kind, function in _MENDS.items():
        if isinstance(node, kind):
            return function(node)
    if isinstance(node, exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if name in _RENAMED:
            arguments = node.expressions if isinstance(node, exp.Anonymous) else list(node.iter_expressions())
            return _call(_RENAMED[name], *arguments)
        if name in _BY_NAME:
            return _BY_NAME[name](node)
    return node


def _call(name: str, *arguments: exp.Expression | None) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument for argument in arguments if argument is not None])


def _column(node: exp.Column) -> exp.Expression:
    # `database.table.column`: what is bound goes by the table's name alone.
    if node.args.get("db"):
        node.set("db", None)
        node.set("catalog", None)
    return node


def _unit(node: exp.Expression, default: str = "day") -> str:
    unit = node.args.get("unit")
    return (unit.name if unit is not None else default).lower()


def _is_interval(node: exp.Expression) -> bool:
    while isinstance(node, (exp.Paren, exp.Neg)):
        node = node.this
    return isinstance(node, exp.Interval) or (isinstance(node, exp.Mul) and (_is_interval(node.this) or _is_interval(node.expression)))


def _add(node: exp.Add) -> exp.Expression:
    if _is_interval(node.expression):
        return _call("trino_plus", node.this, node.expression)
    return _call("trino_plus", node.expression, node.this) if _is_interval(node.this) else node


def _subtract(node: exp.Sub) -> exp.Expression:
    if _is_interval(node.expression):
        return _call("trino_plus", node.this, exp.Neg(this=exp.paren(node.expression)))
    dates = [isinstance(side, exp.Cast) and side.to.this in (exp.DataType.Type.DATE,) for side in (node.this, node.expression)]
    return _call("trino_minus", node.this, node.expression) if all(dates) else node


def _date_add(node: exp.DateAdd) -> exp.Expression:
    step = exp.Interval(this=exp.Literal.string("1"), unit=exp.var(_unit(node)))
    count = node.expression
    if isinstance(count, exp.Interval):
        step, count = exp.Interval(this=exp.Literal.string("1"), unit=count.args.get("unit") or exp.var("day")), count.this
    return _call("trino_plus", node.this, exp.Mul(this=step, expression=exp.paren(exp.cast(count, "bigint"))))


def _date_diff(node: exp.DateDiff) -> exp.Expression:
    # Trino counts the units that have passed whole, DuckDB's date_diff the limits between them that were crossed.
    return _call("date_sub", exp.Literal.string(_unit(node)), node.expression, node.this)


def _date_trunc(node: exp.Expression) -> exp.Expression:
    return _call("trino_date_trunc", exp.Literal.string(_unit(node)), node.this)


def _cast(node: exp.Cast) -> exp.Expression:
    kind = exp.DataType.Type
    if isinstance(node.parent, exp.DataType) or isinstance(node.this, (exp.Null, exp.Anonymous)) and node.this.name.startswith("trino_whole"):
        return node
    literal = isinstance(node.this, exp.Literal)
    if node.to.this in (kind.TINYINT, kind.SMALLINT, kind.INT, kind.BIGINT) and not (literal and node.this.is_int) and not _is_json(node.this):
        node.set("this", _call("trino_whole", node.this))
    elif node.to.this in (kind.VARCHAR, kind.TEXT, kind.CHAR) and not literal:
        node.set("this", _call("trino_text", node.this))
    elif node.to.this == kind.DECIMAL and not node.to.expressions and literal and node.this.is_string:
        whole, _, fraction = node.this.name.lstrip("+-").partition(".")
        node.set("to", exp.DataType.build(f"decimal({max(len(whole.lstrip('0')) + len(fraction), 1)}, {len(fraction)})"))
    return node


def _is_json(node: exp.Expression) -> bool:
    return isinstance(node, (exp.JSONExtract, exp.ParseJSON)) or (isinstance(node, exp.Anonymous) and node.name.lower().startswith(("json_", "trino_json_extract")))


def _json_extract(name: str) -> Callable[[exp.Expression], exp.Expression]:
    return lambda node: _call(name, node.this, node.expression)


def _regexp_replace(node: exp.RegexpReplace) -> exp.Expression:
    replacement = node.args.get("replacement")
    if isinstance(replacement, exp.Literal):
        # Java's groups are `$1`, those of the engine `\1`.
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", replacement.name)))
    return node


def _match(template: str) -> Callable[[exp.Expression], exp.Expression]:
    """A predicate on arrays by what a filter leaves of them."""

    def mended(node: exp.Expression) -> exp.Expression:
        array, condition = node.expressions if isinstance(node, exp.Anonymous) else (node.this, node.expression)
        left = _call("len", _call("list_filter", array, condition))
        if template == "all":
            return exp.paren(exp.EQ(this=left, expression=_call("len", array.copy())))
        return exp.paren((exp.GT if template == "any" else exp.EQ)(this=left, expression=exp.Literal.number(0)))

    return mended


def _entries(node: exp.Anonymous, build: Callable[[exp.Expression, exp.Expression], tuple[exp.Expression, exp.Expression]]) -> exp.Expression:
    """A function over a map's entries by one over the list of its entries: the lambda's two parameters become fields of one."""
    subject, function = node.expressions
    key, value = (parameter.name for parameter in function.expressions)
    body = function.this

    def field(name: str) -> exp.Expression:
        return exp.Dot(this=exp.to_identifier("entry"), expression=exp.to_identifier(name))

    for reference in list(body.find_all(exp.Identifier, exp.Column)):
        if isinstance(reference, exp.Column) or not isinstance(reference.parent, (exp.Column, exp.Dot)):
            if reference.name in (key, value):
                replaced = field("key" if reference.name == key else "value")
                if reference is body:
                    body = replaced
                else:
                    reference.replace(replaced)
    parameter = exp.to_identifier("entry")
    return build(subject, exp.Lambda(this=body, expressions=[parameter]))  # type: ignore[return-value]


def _map_filter(node: exp.Anonymous) -> exp.Expression:
    return _entries(node, lambda subject, keep: _call("map_from_entries", _call("list_filter", _call("map_entries", subject), keep)))  # type: ignore[arg-type,return-value]


def _transform_values(node: exp.Anonymous) -> exp.Expression:
    def build(subject: exp.Expression, change: exp.Expression) -> exp.Expression:
        return _call("map", _call("map_keys", subject.copy()), _call("list_transform", _call("map_entries", subject), change))

    return _entries(node, build)  # type: ignore[arg-type]


def _joda(pattern: str) -> str:
    """A pattern of Joda time as strftime's."""
    letters = {
        "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "y": "%Y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d", "d": "%-d", "HH": "%H",
        "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g", "EEEE": "%A", "EEE": "%a", "E": "%a",
        "a": "%p", "DDD": "%j", "D": "%-j", "e": "%u", "xxxx": "%G", "x": "%G", "ww": "%V", "w": "%V", "ZZ": "+00:00", "Z": "+0000", "z": "UTC",
    }  # fmt: skip
    written = ""
    for found in re.finditer(r"'((?:[^']|'')*)'|((?:([A-Za-z])\3*)|[^A-Za-z'])", pattern):
        literal, run = found[1], found[2]
        if literal is not None:
            written += literal.replace("''", "'").replace("%", "%%") or "'"
        elif run[0].isalpha():
            written += letters.get(run, letters.get(run[0], run))
        else:
            written += run.replace("%", "%%")
    return written


def _format_datetime(node: exp.Anonymous) -> exp.Expression:
    moment, pattern = node.expressions
    return _call("strftime", moment, exp.Literal.string(_joda(pattern.name))) if isinstance(pattern, exp.Literal) else node


def _parse_datetime(node: exp.Anonymous) -> exp.Expression:
    text, pattern = node.expressions
    parsed = _call("strptime", text, exp.Literal.string(_joda(pattern.name)))
    return exp.cast(parsed, "timestamptz") if isinstance(pattern, exp.Literal) else node


def _extract(node: exp.Extract) -> exp.Expression:
    if node.name.upper() in ("DOW", "DAY_OF_WEEK", "DAYOFWEEK"):
        node.set("this", exp.var("isodow"))
    return node


def _approx_distinct(node: exp.ApproxDistinct) -> exp.Expression:
    # Exact for few values in Trino too; exact for many here.
    return exp.Count(this=exp.Distinct(expressions=[node.this]))


def _unnest(node: exp.Unnest) -> exp.Expression:
    """UNNEST of several arrays, of a map, and of rows: a subquery whose columns are the arrays' items side by side."""
    arrays, alias = node.expressions, node.args.get("alias")
    names = alias.args.get("columns") or [] if alias is not None else []
    if node.args.get("offset") or not isinstance(node.parent, (exp.From, exp.Join)):
        return node
    if len(arrays) == 1:
        if len(names) < 2:
            return node
        if _is_map(arrays[0]):
            arrays = [_call("map_keys", arrays[0]), _call("map_values", arrays[0].copy())]
        else:
            # More names than arrays: the items are rows, and their fields become the columns.
            depth = exp.Kwarg(this=exp.var("max_depth"), expression=exp.Literal.number(2))
            return exp.Subquery(this=exp.select(_call("unnest", arrays[0], depth)), alias=alias)
    return exp.Subquery(this=exp.select(*(_call("unnest", array) for array in arrays)), alias=alias)


def _is_map(node: exp.Expression) -> bool:
    return isinstance(node, (exp.Map, exp.MapFromEntries, exp.VarMap)) or _names_map(node)


def _names_map(node: exp.Expression) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in ("map", "map_agg", "map_filter", "histogram", "split_to_map", "map_concat", "map_from_entries")


_MENDS: dict[type[exp.Expression], Callable[..., exp.Expression]] = {
    exp.Column: _column,
    exp.Add: _add,
    exp.Sub: _subtract,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
    exp.DateTrunc: _date_trunc,
    exp.TimestampTrunc: _date_trunc,
    exp.TryCast: _cast,
    exp.Cast: _cast,
    exp.JSONExtractScalar: _json_extract("trino_json_extract_scalar"),
    exp.JSONExtract: _json_extract("trino_json_extract"),
    exp.RegexpExtract: lambda node: _call("trino_regexp_extract", node.this, node.expression, node.args.get("group")),
    exp.RegexpReplace: _regexp_replace,
    exp.SplitPart: lambda node: _call("trino_split_part", node.this, node.args.get("delimiter"), node.args.get("part_index")),
    exp.ArraySize: lambda node: exp.cast(_call("cardinality", node.this), "bigint"),
    exp.ArrayDistinct: lambda node: _call("trino_array_distinct", node.this),
    exp.GenerateSeries: lambda node: _call("trino_sequence", node.args.get("start"), node.args.get("end"), node.args.get("step")),
    exp.Length: lambda node: _call("trino_length", node.this),
    exp.ArraySlice: lambda node: _call("trino_slice", node.this, node.args.get("start"), node.args.get("end")),
    exp.Extract: _extract,
    exp.ApproxDistinct: _approx_distinct,
    exp.Unnest: _unnest,
}
_BY_NAME: dict[str, Callable[..., exp.Expression]] = {
    "any_match": _match("any"),
    "all_match": _match("all"),
    "none_match": _match("none"),
    "map_filter": _map_filter,
    "transform_values": _transform_values,
    "format_datetime": _format_datetime,
    "parse_datetime": _parse_datetime,
}
