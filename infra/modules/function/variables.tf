variable "name" {
  description = "The function's full name, as in `tarn-shop-athena-ctas`; its role, log group, queue and alarms are named after it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A function's name has 1 to 64 letters, digits, `-` and `_`: `${var.name}` is none. Take a shorter name for the lake, source or mart."
  }
}

variable "description" {
  description = "What the function is for, in a line; it stands in the console."
  type        = string
  default     = ""
}

variable "zip" {
  description = "Path of the zip that holds the program, as `bootstrap`."
  type        = string
}

variable "architecture" {
  description = "The processor that the program was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is `arm64` or `x86_64`, not `${var.architecture}`."
  }
}

variable "memory_mb" {
  description = "Memory in MB; a whole processor comes with 1,769 MB."
  type        = number
  default     = 512
}

variable "timeout_seconds" {
  description = "Seconds after which an invocation is ended."
  type        = number
  default     = 60
}

variable "environment" {
  description = "The function's settings. No secrets: they are named here and read from Secrets Manager."
  type        = map(string)
  default     = {}
}

variable "statements" {
  description = "What the function may do, besides writing its log: named actions on named resources, with conditions where there are any."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default = []
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms go to; without one they only show in CloudWatch."
  type        = string
  default     = null
}

variable "tolerated_errors" {
  description = "How many invocations may fail within so many seconds, in each of so many stretches of that length on end, before the alarm rings. Callers try again and tell when they give up: by default it rings when that has not helped for a quarter of an hour."
  type = object({
    number  = optional(number, 0)
    seconds = optional(number, 300)
    periods = optional(number, 3)
  })
  default = {}
}

variable "dead_letter" {
  description = "Whether events of asynchronous invocations (S3, EventBridge, SNS) that fail for good are kept in a queue."
  type        = bool
  default     = false
}

variable "reserved_concurrency" {
  description = "The most invocations at a time, reserved from the account's own number; without it there is no limit but the account's."
  type        = number
  default     = null
}

variable "vpc" {
  description = "The subnets and security groups that the function runs in, for what cannot be reached from outside of a VPC."
  type = object({
    subnets         = list(string)
    security_groups = list(string)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days that the function's log is kept."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
