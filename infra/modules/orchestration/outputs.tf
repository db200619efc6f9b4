output "machines" {
  description = "ARN of each state machine, by its name without the prefix."
  value = {
    workflow = module.workflow.arn
    model    = module.model.arn
    backfill = module.backfill.arn
    schedule = module.schedule.arn
  }
}

output "functions" {
  description = "ARN of each function, by its name without the prefix."
  value       = { workflow-plan = module.workflow_plan.arn, athena-ctas = module.athena_ctas.arn }
}

output "roles" {
  description = "ARNs of the roles that read and write the lake's tables: the function `athena-ctas` and the machine `model`, for which Athena works."
  value       = { athena-ctas = module.athena_ctas.role_arn, model = module.model.role_arn }
}

output "schedules" {
  description = "Name of each schedule in EventBridge Scheduler, by its name in the lake."
  value       = { for name, schedule in aws_scheduler_schedule.this : name => "${schedule.group_name}/${schedule.name}" }
}

output "missed_queue_arn" {
  description = "ARN of the queue with firings that could not be delivered."
  value       = aws_sqs_queue.missed.arn
}

output "alarms" {
  description = "Names of all alarms that are made here, for the dashboard."
  value = concat(
    [aws_cloudwatch_metric_alarm.missed.alarm_name],
    module.workflow_plan.alarms, module.athena_ctas.alarms, module.workflow.alarms, module.model.alarms, module.backfill.alarms, module.schedule.alarms,
  )
}
