"""What an engineer would write with DuckDB in place of `tarn ingest`: the nested columns of the contract, partitioned by Tokyo day.

python duckdb_ingest.py site_events.ndjson OUT_DIR THREADS
"""

import sys

import duckdb

source, target, threads = sys.argv[1:]
connection = duckdb.connect()
connection.execute(f"set threads = {int(threads)}; set TimeZone = 'UTC'; set preserve_insertion_order = false")
connection.execute(
    f"""
    copy (
        select
            event_id,
            event_type,
            occurred_at,
            "user".anonymous_id as visitor_id,
            "user".id as user_id,
            "user".plan as plan,
            "user".age_group as age_group,
            "user".geo.pref as prefecture,
            device.type as device,
            page.url as page_url,
            page.title as page_title,
            page.referrer as referrer,
            page.utm.source as utm_source,
            page.utm.campaign as utm_campaign,
            product.id as product_id,
            product.category as category,
            product.price as price,
            product.tags as tags,
            quantity,
            experiment.name as experiment,
            experiment.variant as variant,
            "order".id as order_id,
            "order".total as order_total,
            cast(occurred_at + interval 9 hour as date) as day
        from read_json(
            '{source}',
            format = 'newline_delimited',
            ignore_errors = true,
            columns = {{
                event_id: 'varchar',
                event_type: 'varchar',
                occurred_at: 'timestamp',
                "user": 'struct(id bigint, anonymous_id varchar, plan varchar, age_group varchar, geo struct(pref varchar))',
                device: 'struct("type" varchar)',
                page: 'struct(url varchar, title varchar, referrer varchar, utm struct(source varchar, campaign varchar))',
                product: 'struct(id varchar, price decimal(12,2), category varchar, tags json)',
                quantity: 'integer',
                experiment: 'struct("name" varchar, variant varchar)',
                "order": 'struct(id varchar, total decimal(12,2))'
            }}
        )
        where event_id is not null and occurred_at is not null
    ) to '{target}' (format parquet, compression zstd, partition_by (day))
    """
)
