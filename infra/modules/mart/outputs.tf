output "machine_arn" {
  description = "ARN of the machine that loads the mart."
  value       = module.machine.arn
}

output "function_name" {
  description = "Name of the function that loads the mart."
  value       = module.mart_load.name
}

output "role_arn" {
  description = "ARN of the function's role, for whoever grants it access to the database or to a key."
  value       = module.mart_load.role_arn
}

output "alarms" {
  description = "Names of all alarms that are made here, for the dashboard."
  value       = concat(module.mart_load.alarms, module.machine.alarms)
}
