-- Functions of Trino that DuckDB lacks or means otherwise. One statement per function; `translate.py` gives them their callers.
create macro trino_with_timezone(t, zone) as timezone(zone, t::timestamp);
