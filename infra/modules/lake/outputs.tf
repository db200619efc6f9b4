output "bucket" {
  description = "The bucket of everything that Tarn makes."
  value       = aws_s3_bucket.this["lake"].bucket
}

output "bucket_arn" {
  description = "ARN of the bucket of everything that Tarn makes."
  value       = aws_s3_bucket.this["lake"].arn
}

output "raw_bucket" {
  description = "The bucket of everything that arrived."
  value       = aws_s3_bucket.this["raw"].bucket
}

output "raw_bucket_arn" {
  description = "ARN of the bucket of everything that arrived."
  value       = aws_s3_bucket.this["raw"].arn
}

output "results_bucket" {
  description = "The bucket of Athena's results."
  value       = aws_s3_bucket.this["results"].bucket
}

output "results_bucket_arn" {
  description = "ARN of the bucket of Athena's results."
  value       = aws_s3_bucket.this["results"].arn
}

output "database" {
  description = "The Glue database of the lake's tables."
  value       = aws_glue_catalog_database.this.name
}

output "tables" {
  description = "The tables of sources that have a contract, by source."
  value = merge(
    { for name, table in aws_glue_catalog_table.arriving : name => table.name },
    { for name, table in aws_glue_catalog_table.snapshots : name => table.name },
  )
}

output "views" {
  description = "The views of latest images, by source."
  value       = { for name, view in aws_glue_catalog_table.current : name => view.name }
}

output "workgroup" {
  description = "The Athena workgroup that runs use."
  value       = aws_athena_workgroup.runs.name
}

output "workgroup_arn" {
  description = "ARN of the Athena workgroup that runs use."
  value       = aws_athena_workgroup.runs.arn
}

output "people_workgroup" {
  description = "The Athena workgroup that people use."
  value       = aws_athena_workgroup.people.name
}

output "people_workgroup_arn" {
  description = "ARN of the Athena workgroup that people use."
  value       = aws_athena_workgroup.people.arn
}
