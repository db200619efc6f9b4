/*
description: The groups in which the experiment made a difference, the strongest first in each device.
materialized: view
tags: [bi, experiment]
*/
select
    device,
    age_group,
    if(difference > 0, 'treatment', 'control') as better_variant,
    round(100 * difference, 1) as points,
    round(100 * interval_low, 1) as points_low,
    round(100 * interval_high, 1) as points_high,
    rank() over (partition by device order by abs(z_value) desc) as place
from {{ ref('ab_test_lift') }}
where is_significant
