output "bucket" {
  description = "The bucket of everything that Tarn makes."
  value       = module.lake.bucket
}

output "raw_bucket" {
  description = "The bucket of everything that arrived."
  value       = module.lake.raw_bucket
}

output "database" {
  description = "The Glue database of the lake's tables."
  value       = module.lake.database
}

output "workgroup" {
  description = "The Athena workgroup that runs use."
  value       = module.lake.workgroup
}

output "people_workgroup" {
  description = "The Athena workgroup that people use."
  value       = module.lake.people_workgroup
}

output "streams" {
  description = "The delivery streams to send records to, by source."
  value       = module.ingest.streams
}

output "people_policy_arn" {
  description = "ARN of the policy to attach to roles of people, where the lake says who may read what."
  value       = one(module.access[*].people_policy_arn)
}

output "state_machines" {
  description = "ARN of each state machine, by its name without `tarn-<lake>-`."
  value = merge(
    module.orchestration.machines,
    { for name, mart in module.mart : "mart-load-${name}" => mart.machine_arn },
    { for snapshots in module.snapshots : "aurora-export" => snapshots.machine_arn },
  )
}

output "schedules" {
  description = "Group and name of each schedule in EventBridge Scheduler, by its name in the lake."
  value       = module.orchestration.schedules
}

output "mart_roles" {
  description = "ARN of the role that loads each mart, for whoever grants it a database's user or a secret's key."
  value       = { for name, mart in module.mart : name => mart.role_arn }
}

output "export_key_arn" {
  description = "ARN of the key of exports of Aurora, for whoever grants people to read them; null where nothing is exported."
  value       = one(module.snapshots[*].key_arn)
}

output "alarm_topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = module.alerts.topic_arn
}

output "dashboard" {
  description = "Name of the dashboard in CloudWatch."
  value       = module.alerts.dashboard_name
}
