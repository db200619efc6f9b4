output "streams" {
  description = "The delivery streams to send records to, by source."
  value       = { for name, stream in aws_kinesis_firehose_delivery_stream.this : name => stream.name }
}

output "functions" {
  description = "Names of the functions made here."
  value       = concat([for transform in values(module.transform) : transform.name], module.capture[*].name, module.flatten[*].name)
}
