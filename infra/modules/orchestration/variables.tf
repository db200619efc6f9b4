variable "prefix" {
  description = "What names begin with: `tarn-<lake>`."
  type        = string

  validation {
    condition     = can(regex("^tarn-[a-z0-9_-]+$", var.prefix))
    error_message = "Names begin with `tarn-` and the lake's name, not with `${var.prefix}`."
  }
}

variable "bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "raw_bucket" {
  description = "Name of the bucket of the raw zone."
  type        = string
}

variable "results_bucket" {
  description = "Name of the bucket that Athena writes answers to."
  type        = string
}

variable "database" {
  description = "Name of the lake's Glue database."
  type        = string
}

variable "workgroup" {
  description = "Name of the Athena workgroup that runs query in."
  type        = string
}

variable "export_keys" {
  description = "ARNs of the KMS keys that exports of Aurora are encrypted with; where there are any, models read exports."
  type        = list(string)
  default     = []
}

variable "has_access" {
  description = "Whether the lake says who may read what: then the machine `model` sets the tags of what it published."
  type        = bool
  default     = false
}

variable "marts" {
  description = "Names of the marts that are deployed: the machine `model` may start their loads."
  type        = list(string)
  default     = []
}

variable "schedules" {
  description = "The lake's schedules by name: when each fires, as six fields of cron, and for one that exports an Aurora cluster, which."
  type = map(object({
    cron   = string
    export = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[A-Za-z0-9_-]{1,60}$", name))])
    error_message = "A schedule's name has 1 to 60 letters, digits, `-` and `_`: with the time behind it, it names executions."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : length(split(" ", schedule.cron)) == 6])
    error_message = "`cron` of a schedule has six fields: minute, hour, day of the month, month, day of the week, year; one of the two days is `?`."
  }
}

variable "export_machine_arn" {
  description = "ARN of the machine that exports Aurora clusters; needed where a schedule has `export`."
  type        = string
  default     = null
}

variable "timezone" {
  description = "The lake's time zone, in which schedules fire."
  type        = string
  default     = "UTC"
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
