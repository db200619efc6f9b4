# What the lake's own files say. Nothing of a lake is written anywhere else.

locals {
  config   = yamldecode(file("${var.lake}/tarn.yaml"))
  name     = tostring(local.config.name)
  prefix   = "tarn-${local.name}"
  timezone = try(tostring(local.config.timezone), "UTC")

  # A lake that says nothing of a bucket is refused in main.tf, by that alone.
  bucket         = try(tostring(local.config.aws.bucket), "tarn-nowhere")
  raw_bucket     = try(tostring(local.config.aws.raw_bucket), "${local.bucket}-raw")
  results_bucket = "${local.bucket}-results"

  database         = try(tostring(local.config.athena.database), "tarn_${local.name}")
  workgroup        = try(tostring(local.config.athena.workgroup), "tarn-${local.name}")
  people_workgroup = "${local.workgroup}-people"

  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.name

  # Alarms are wired by the topic's name, so that what tells of alarms may have alarms itself.
  alarm_topic_name = "${local.prefix}-alarms"
  alarm_topic_arn  = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${local.alarm_topic_name}"

  tags = merge({ tarn-lake = local.name }, var.tags)

  # Sizes as people write them: decimal units, as Athena bills. What cannot be read is null, and is told by a precondition.
  units = { "" = 1, B = 1, KB = 1000, MB = 1000000, GB = 1000000000, TB = 1000000000000 }
  sizes = {
    for name, text in { runs = try(tostring(local.config.athena.scan_limit), ""), people = var.people_scan_limit } : name => try(
      floor(tonumber(regex("^[0-9]+(?:[.][0-9]+)?", text)) * local.units[upper(trimspace(regex("^[0-9.]+(.*)$", text)[0]))]),
      null,
    )
  }
  scan_limit        = local.sizes.runs
  people_scan_limit = local.sizes.people
}

# Sources, whose names are those of their files unless they say otherwise.
locals {
  source_files = {
    for file in fileset(var.lake, "sources/**/*.{yaml,yml}") : file => yamldecode(file("${var.lake}/${file}"))
  }
  sources = {
    for file, said in local.source_files : try(tostring(said.name), replace(basename(file), "/[.]ya?ml$/", "")) => {
      file           = file
      kind           = try(tostring(said.kind), "")
      description    = try(tostring(said.description), null)
      key            = try([for column in said.key : tostring(column)], [])
      partition      = try(keys(said.partitioned_by)[0], null)
      has_contract   = can(said.columns)
      buffer_mb      = try(tonumber(said.aws.buffer_mb), null)
      buffer_seconds = try(tonumber(said.aws.buffer_seconds), null)
      table          = try(tostring(said.aws.table), null)
      table_key      = try(tostring(said.aws.key), null)
      cluster        = try(tostring(said.aws.cluster), null)
      columns = [
        for column in try(said.columns, []) : {
          name        = tostring(column.name)
          type        = tostring(column.type)
          description = try(tostring(column.description), null)
        }
      ]
    }
  }
  streams = { for name, source in local.sources : name => source if source.kind == "stream" && source.has_contract }
  tables  = { for name, source in local.sources : name => source if source.kind == "table" && source.table != null }
}
