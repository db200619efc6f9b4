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
