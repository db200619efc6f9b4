output "topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "query_cost_name" {
  description = "Name of the function that counts costs."
  value       = module.query_cost.name
}

output "query_cost_role_arn" {
  description = "ARN of that function's role."
  value       = module.query_cost.role_arn
}

output "digest_schedule" {
  description = "Group and name of the digest's schedule in EventBridge Scheduler."
  value       = "${aws_scheduler_schedule_group.this.name}/${aws_scheduler_schedule.digest.name}"
}
