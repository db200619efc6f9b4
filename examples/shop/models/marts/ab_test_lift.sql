/*
description: >
  Conversion of the two variants of the checkout experiment by device and age group, their difference with its confidence interval,
  and whether it is more than chance.
tags: [marts, nightly, experiment]
audits:
  - not_null: [device, age_group, control_visitors, treatment_visitors]
  - unique: [device, age_group]
  - accepted_values: {column: device, values: [mobile, desktop, tablet]}
  - row_count: {min: 1}
mart: {to: reporting, table: ab_test_lift, mode: replace}
*/
with visitors as (
    -- Visitors, not sessions, were drawn into the experiment: counting each once keeps the observations independent.
    select
        device,
        coalesce(age_group, 'unknown') as age_group,
        variant,
        visitor_id,
        max(case when purchases > 0 then 1 else 0 end) as has_bought
    from {{ ref('sessions') }}
    where variant in ('control', 'treatment')
    group by device, coalesce(age_group, 'unknown'), variant, visitor_id
),

counts as (
    select
        device,
        age_group,
        count_if(variant = 'control') as control_visitors,
        count_if(variant = 'control' and has_bought = 1) as control_buyers,
        count_if(variant = 'treatment') as treatment_visitors,
        count_if(variant = 'treatment' and has_bought = 1) as treatment_buyers
    from visitors
    group by device, age_group
),

rates as (
    select
        *,
        cast(control_buyers as double) / control_visitors as control_rate,
        cast(treatment_buyers as double) / treatment_visitors as treatment_rate,
        cast(control_buyers + treatment_buyers as double) / (control_visitors + treatment_visitors) as pooled_rate
    from counts
    where control_visitors > 0 and treatment_visitors > 0
),

errors as (
    select
        *,
        treatment_rate - control_rate as difference,
        sqrt(
            control_rate * (1 - control_rate) / control_visitors
            + treatment_rate * (1 - treatment_rate) / treatment_visitors
        ) as standard_error,
        -- The test asks what would happen if both variants were the same: it pools them.
        sqrt(
            pooled_rate * (1 - pooled_rate)
            * (1 / cast(control_visitors as double) + 1 / cast(treatment_visitors as double))
        ) as pooled_error
    from rates
)

select
    device,
    age_group,
    control_visitors,
    control_buyers,
    treatment_visitors,
    treatment_buyers,
    control_rate,
    treatment_rate,
    difference,
    difference / nullif(control_rate, 0) as lift,
    difference - {{ var("confidence_z") }} * standard_error as interval_low,
    difference + {{ var("confidence_z") }} * standard_error as interval_high,
    difference / nullif(pooled_error, 0) as z_value,
    -- Below five expected buyers or others in a variant, the normal distribution is no fair picture of chance.
    coalesce(
        abs(difference / nullif(pooled_error, 0)) > {{ var("confidence_z") }}
        and least(control_visitors, treatment_visitors) * least(pooled_rate, 1 - pooled_rate) >= 5,
        false
    ) as is_significant
from errors
