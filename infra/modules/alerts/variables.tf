variable "prefix" {
  description = "What names begin with: `tarn-<lake>`."
  type        = string
}

variable "lake" {
  description = "The lake's name, as people read it in messages."
  type        = string
}

variable "bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "raw_bucket" {
  description = "Name of the bucket of the raw zone."
  type        = string
}

variable "workgroups" {
  description = "Names of the Athena workgroups whose queries are counted, that of runs first."
  type        = list(string)

  validation {
    condition     = length(var.workgroups) > 0
    error_message = "At least the workgroup of runs is counted."
  }
}

variable "told_machines" {
  description = "Machines, by their names without the prefix, whose failed executions are told."
  type        = list(string)
  default     = ["workflow", "backfill", "schedule", "aurora-export"]
}

variable "slack_secret" {
  description = "Name or ARN of the secret with Slack's web hook; without one nothing is told there."
  type        = string
  default     = null
}

variable "emails" {
  description = "Addresses that alarms are mailed to; each is asked by AWS first."
  type        = list(string)
  default     = []
}

variable "budget" {
  description = "Dollars a month; without it there is no budget."
  type        = number
  default     = null
}

variable "budget_tag" {
  description = "The tag whose costs the budget counts; it must be activated as a cost allocation tag in Billing."
  type        = object({ key = string, value = string })
  default     = null

  validation {
    condition     = var.budget == null || var.budget_tag != null
    error_message = "A budget counts what carries a tag: say which in `budget_tag`."
  }
}

variable "digest" {
  description = "When the daily digest is made, in the lake's time zone, as six fields of cron."
  type        = string
  default     = "0 9 * * ? *"
}

variable "timezone" {
  description = "The lake's time zone."
  type        = string
  default     = "UTC"
}

variable "alarms" {
  description = "Names of the lake's alarms, but for those that are made here; all of them are on the dashboard."
  type        = list(string)
  default     = []
}

variable "streams" {
  description = "Names of the stream sources, for the dashboard."
  type        = list(string)
  default     = []
}

variable "tables" {
  description = "Whether the lake takes in changes of DynamoDB tables, for the dashboard."
  type        = bool
  default     = false
}

variable "marts" {
  description = "Names of the marts that are deployed, for the dashboard."
  type        = list(string)
  default     = []
}

variable "functions" {
  description = "Folder of the functions' zips, `<function>.zip` each."
  type        = string
}

variable "architecture" {
  description = "The processor that the functions were built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
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
