/*
description: Customers by plan and age group, what they pay each month and what they bought.
tags: [marts, nightly]
audits:
  - not_null: [plan, age_group, customers]
  - unique: [plan, age_group]
  - accepted_values: {column: plan, values: [free, standard, premium]}
mart: {to: reporting, table: customer_value, mode: replace}
*/
with running_contracts as (
    select customer_id, plan, monthly_fee
    from {{ source('contracts') }}
    where ended_on is null
),

bought as (
    select
        customer_id,
        count(*) as orders,
        sum(net_total) as net_revenue
    from {{ ref('order_facts') }}
    where customer_id is not null
    group by customer_id
)

select
    coalesce(running_contracts.plan, 'free') as plan,
    customers.age_group,
    count(*) as customers,
    count(bought.customer_id) as buyers,
    coalesce(sum(bought.orders), 0) as orders,
    coalesce(sum(bought.net_revenue), 0) as net_revenue,
    coalesce(sum(running_contracts.monthly_fee), 0) as monthly_fees
from {{ source('customers') }} as customers
left join running_contracts on running_contracts.customer_id = customers.customer_id
left join bought on bought.customer_id = customers.customer_id
group by coalesce(running_contracts.plan, 'free'), customers.age_group
