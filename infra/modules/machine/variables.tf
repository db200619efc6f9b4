variable "name" {
  description = "The machine's full name, as in `tarn-shop-workflow`; its role, log group and alarm are named after it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,56}$", var.name))
    error_message = "A state machine's name has 1 to 56 letters, digits, `-` and `_`, so that its role's name fits too: `${var.name}` is none."
  }
}

variable "definition" {
  description = "The machine in Amazon States Language, its placeholders filled in."
  type        = string
}

variable "statements" {
  description = "What the machine may do, besides logging and tracing: named actions on named resources, with conditions where there are any."
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

variable "children" {
  description = "ARNs of the machines whose executions it starts and waits for; `*` may stand at the end of a name."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arn" {
  description = "The SNS topic that the alarm goes to; without one it only shows in CloudWatch."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that the machine's log is kept."
  type        = number
  default     = 30
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
