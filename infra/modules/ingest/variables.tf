variable "name" {
  description = "The lake's name."
  type        = string
}

variable "bucket" {
  description = "The bucket of everything that Tarn makes."
  type        = string
}

variable "raw_bucket" {
  description = "The bucket of everything that arrived."
  type        = string
}

variable "database" {
  description = "The Glue database of the lake's tables."
  type        = string
}

variable "glue_tables" {
  description = "The Glue tables of sources, by source: Firehose makes Parquet by them."
  type        = map(string)
}

variable "timezone" {
  description = "The zone in which the lake's days begin, as in `Asia/Tokyo`."
  type        = string
  default     = "UTC"
}

variable "streams" {
  description = "Sources of kind stream, by name: the partition column that the file names, and Firehose's buffer."
  type = map(object({
    partition      = optional(string)
    buffer_mb      = optional(number)
    buffer_seconds = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for stream in values(var.streams) : stream.buffer_mb == null ? true : stream.buffer_mb >= 64 && stream.buffer_mb <= 128])
    error_message = "Firehose gathers 64 to 128 MB where it makes Parquet: `aws.buffer_mb` of a stream is outside of that."
  }

  validation {
    condition     = alltrue([for stream in values(var.streams) : stream.buffer_seconds == null ? true : stream.buffer_seconds >= 60 && stream.buffer_seconds <= 900])
    error_message = "Firehose gathers for 60 to 900 seconds: `aws.buffer_seconds` of a stream is outside of that."
  }
}

variable "tables" {
  description = "Sources of kind table, by name: the DynamoDB table whose changes come in, and the ARN of the KMS key that it is encrypted with, where that is a key of its owner's."
  type = map(object({
    table     = string
    table_key = optional(string)
  }))
  default = {}
}

variable "table_filters" {
  description = "Which changes of a table are captured, by source: patterns of Lambda's event filtering, any of which may match."
  type        = map(list(any))
  default     = {}
}

variable "functions" {
  description = "The folder with the functions' zips."
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
