variable "lake" {
  description = "The lake's folder: everything that is deployed follows from its `tarn.yaml`, `sources/` and `models/`."
  type        = string
  default     = "../examples/shop"

  validation {
    condition     = fileexists("${var.lake}/tarn.yaml")
    error_message = "There is no `tarn.yaml` in `${var.lake}`. The variable `lake` names the lake's folder."
  }
}

variable "functions" {
  description = "The folder with the functions' zips, which `make build` fills."
  type        = string
  default     = "../build/functions"
}

variable "machines" {
  description = "The folder with the definitions of the state machines."
  type        = string
  default     = "../statemachines"
}

variable "architecture" {
  description = "The processor that the functions were built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
}

variable "region" {
  description = "The region to deploy to; without it the one of the environment or profile."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything that is made here, besides `tarn-lake`."
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "people_scan_limit" {
  description = "What one query of a person may scan, as `athena.scan_limit` is written. Runs have that limit, people this one."
  type        = string
  default     = "100 GB"
}

variable "table_filters" {
  description = "Which changes of a table are captured, by source: patterns of Lambda's event filtering, any of which may match. Changes that match none are nowhere afterwards, not in the raw zone either."
  type        = map(list(any))
  default     = {}
}

variable "crawler_schedule" {
  description = "When a crawler looks for the columns of sources without a contract, as in `cron(30 18 * * ? *)`; without it there is no crawler."
  type        = string
  default     = null
}

variable "lake_formation_administrators" {
  description = "ARNs of the roles that administer Lake Formation, one of which applies this. Replaces the account's list, so it is left alone unless something is named."
  type        = list(string)
  default     = []
}

variable "destroy_data" {
  description = "Whether `destroy` may remove buckets with everything in them. Nothing but that call should set it."
  type        = bool
  default     = false
}
