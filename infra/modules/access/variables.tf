variable "name" {
  description = "The lake's name."
  type        = string
}

variable "access" {
  description = "Who may read what, as `access:` of the lake's `tarn.yaml` says: principals are ARNs or numbers of accounts, `read` has sources, models, views, or `tag:NAME` for models with a tag, `columns` names the only columns of a source that are read."
  type = map(object({
    principals = list(string)
    read       = list(string)
    columns    = optional(map(list(string)), {})
  }))

  validation {
    condition     = alltrue([for name in keys(var.access) : can(regex("^[a-z0-9_-]{1,64}$", name))]) && length(var.access) <= 50
    error_message = "A group in `access` has a name of up to 64 of a to z, digits, `_` and `-`, which goes into a tag; there are 50 at most."
  }

  validation {
    condition     = alltrue([for group in values(var.access) : alltrue([for what in group.read : can(regex("^(sources|models|views|tag:.+)$", what))])])
    error_message = "`read` of a group in `access` has sources, models, views, and `tag:NAME` for models with a tag."
  }

  validation {
    condition     = alltrue([for group in values(var.access) : length(group.columns) == 0 || contains(group.read, "sources")])
    error_message = "`columns` of a group in `access` says which columns of sources are read, and opens nothing unless `read` has sources."
  }

  validation {
    condition = alltrue([
      for group in values(var.access) : alltrue([for principal in group.principals : can(regex("^([0-9]{12}|arn:[a-z-]+:iam::[0-9]{12}:.+)$", principal))])
    ])
    error_message = "A principal in `access` is the ARN of a role or user, or a number of an account with 12 digits in quotes."
  }
}

variable "bucket" {
  description = "The bucket of everything that Tarn makes."
  type        = string
}

variable "raw_bucket" {
  description = "The bucket of everything that arrived: exports of Aurora are read where they lie."
  type        = string
}

variable "export_keys" {
  description = "ARNs of the KMS keys that exports of Aurora are encrypted with; without any there are no exports."
  type        = list(string)
  default     = []
}

variable "setter_role_arn" {
  description = "ARN of the role that sets the tags of tables when they are published: that of the machine `model`."
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

variable "tables" {
  description = "The tables of sources that have a contract, by source."
  type        = map(string)
}

variable "views" {
  description = "The views of latest images, by source."
  type        = map(string)
}

variable "people_workgroup_arn" {
  description = "ARN of the Athena workgroup that people use."
  type        = string
}

variable "administrators" {
  description = "ARNs of the administrators of Lake Formation. Replaces the account's list; an empty one leaves it alone."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
}
