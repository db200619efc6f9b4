variable "name" {
  description = "The lake's name."
  type        = string
}

variable "bucket" {
  description = "The bucket of everything that Tarn makes."
  type        = string
}

variable "raw_bucket" {
  description = "The bucket of everything that arrived, as it arrived."
  type        = string
}

variable "results_bucket" {
  description = "The bucket of Athena's results."
  type        = string
}

variable "database" {
  description = "The Glue database of the lake's tables."
  type        = string
}

variable "workgroup" {
  description = "The Athena workgroup that runs use."
  type        = string
}

variable "people_workgroup" {
  description = "The Athena workgroup that people use."
  type        = string
}

variable "scan_limit" {
  description = "Bytes that one query of a run may scan; null for no limit."
  type        = number
  default     = null

  validation {
    condition     = var.scan_limit == null ? true : var.scan_limit >= 10000000
    error_message = "Athena takes no limit under 10 MB for what a query scans."
  }
}

variable "people_scan_limit" {
  description = "Bytes that one query of a person may scan; null for no limit."
  type        = number
  default     = null

  validation {
    condition     = var.people_scan_limit == null ? true : var.people_scan_limit >= 10000000
    error_message = "Athena takes no limit under 10 MB for what a query scans."
  }
}

variable "sources" {
  description = "The lake's sources by name, as their files say; `partition` is the partition column that the file names, `columns` the contract."
  type = map(object({
    kind         = string
    description  = optional(string)
    key          = optional(list(string), [])
    partition    = optional(string)
    cluster      = optional(string)
    has_contract = bool
    columns = list(object({
      name        = string
      type        = string
      description = optional(string)
    }))
  }))
  default = {}
}

variable "crawler_schedule" {
  description = "When a crawler looks for the columns of sources without a contract, as in `cron(30 18 * * ? *)`; without it there is no crawler."
  type        = string
  default     = null
}

variable "result_days" {
  description = "Days that results of queries are kept."
  type        = number
  default     = 30
}

variable "old_version_days" {
  description = "Days that what was deleted or overwritten in the raw bucket can be brought back."
  type        = number
  default     = 90
}

variable "force_destroy" {
  description = "Whether the buckets may be removed with everything in them."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
