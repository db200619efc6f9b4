/*
description: Orders per day by what became of them.
materialized: view
tags: [bi]
*/
select
    ordered_on,
    count(*) as orders,
    count_if(is_cancelled) as cancelled,
    count_if(status = 'shipped') as shipped,
    sum(net_total) as net_revenue
from {{ ref('order_facts') }}
group by ordered_on
