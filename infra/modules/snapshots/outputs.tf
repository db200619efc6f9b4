output "machine_arn" {
  description = "ARN of the machine that exports a cluster."
  value       = module.machine.arn
}

output "key_arn" {
  description = "ARN of the key that exports are encrypted with: whoever reads them decrypts with it."
  value       = aws_kms_key.exports.arn
}

output "export_role_arn" {
  description = "ARN of the role that RDS writes exports with."
  value       = aws_iam_role.export.arn
}

output "alarms" {
  description = "Names of all alarms that are made here, for the dashboard."
  value       = concat(module.snapshot_register.alarms, module.machine.alarms)
}
