variable "prefix" {
  description = "What names begin with: `tarn-<lake>`."
  type        = string
}

variable "bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "raw_bucket" {
  description = "Name of the bucket that exports are written to."
  type        = string
}

variable "database" {
  description = "Name of the lake's Glue database."
  type        = string
}

variable "clusters" {
  description = "Identifiers of the Aurora clusters whose snapshots are exported."
  type        = list(string)

  validation {
    condition     = alltrue([for cluster in var.clusters : can(regex("^[a-z][a-z0-9-]{0,62}$", cluster))])
    error_message = "An Aurora cluster is named as RDS names it, in lower case: ${join(", ", var.clusters)}."
  }
}

variable "functions" {
  description = "Folder of the functions' zips, `<function>.zip` each."
  type        = string
}

variable "machines" {
  description = "Folder of the state machines, `<machine>.asl.json` each."
  type        = string
}

variable "architecture" {
  description = "The processor that the functions were built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms go to; without one they only show in CloudWatch."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
