output "streams" {
  description = "The delivery streams to send records to, by source."
  value       = { for name, stream in aws_kinesis_firehose_delivery_stream.this : name => stream.name }
}

output "functions" {
  description = "Names of the functions made here."
  value       = concat([for transform in values(module.transform) : transform.name], module.capture[*].name, module.flatten[*].name)
}

output "alarms" {
  description = "Names of all alarms that are made here, for the dashboard."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.quarantined : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.behind : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.late : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.unconverted : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.unkept : alarm.alarm_name],
    flatten(values(module.transform)[*].alarms), flatten(module.capture[*].alarms), flatten(module.flatten[*].alarms),
  )
}
