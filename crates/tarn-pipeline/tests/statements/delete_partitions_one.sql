delete from visits__r1
where day = date '2026-01-01' and region = 'east'
