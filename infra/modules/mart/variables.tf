variable "prefix" {
  description = "What names begin with: `tarn-<lake>`."
  type        = string
}

variable "mart" {
  description = "The mart's name in tarn.yaml."
  type        = string
}

variable "url" {
  description = "Where the mart is, without a password: `mysql://tarn@host:3306/reporting`."
  type        = string

  validation {
    condition     = can(regex("^(mysql|postgres|postgresql)://[^/]+/", var.url))
    error_message = "A mart that is deployed has a URL as in `mysql://tarn@host:3306/reporting`, or `postgresql://…`."
  }

  validation {
    condition     = !can(regex("^[a-z]+://[^@/]*:[^@/]*@", var.url))
    error_message = "A mart's URL holds a password; keep it in Secrets Manager, and name the secret in the mart's `aws`."
  }
}

variable "secret" {
  description = "Name or ARN of the secret with the password; without one a token of RDS is signed for the URL's user."
  type        = string
  default     = null
}

variable "subnets" {
  description = "Subnets from which the database can be reached; without any the function runs outside of a VPC."
  type        = list(string)
  default     = []
}

variable "security_groups" {
  description = "Security groups of the function in these subnets."
  type        = list(string)
  default     = []

  validation {
    condition     = (length(var.subnets) == 0) == (length(var.security_groups) == 0)
    error_message = "A mart's `aws` has both `subnets` and `security_groups`, or neither."
  }
}

variable "concurrency" {
  description = "The most invocations of the loader at a time, reserved from the account's concurrency: each is a connection to the database. None is reserved unless it is said: a new account has ten in all, and lends none of them."
  type        = number
  default     = null
}

variable "bucket" {
  description = "Name of the lake's bucket."
  type        = string
}

variable "raw_bucket" {
  description = "Name of the bucket of the raw zone."
  type        = string
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
