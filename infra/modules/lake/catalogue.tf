# The catalogue: the database, the tables of sources by their contracts, and the views of latest images. The tables of models are none of
# Terraform's business: runs publish them.

resource "aws_glue_catalog_database" "this" {
  name        = var.database
  description = "The lake ${var.name}"
  tags        = var.tags
}

locals {
  # Types as Glue writes them; what is not here is a decimal, a text of some length, or a mistake.
  types = {
    boolean = "boolean", bool = "boolean"
    tinyint = "tinyint", smallint = "smallint", int = "int", integer = "int", bigint = "bigint"
    float   = "float", real = "float", double = "double", "double precision" = "double"
    string  = "string", json = "string", varchar = "string", char = "string"
    date    = "date", timestamp = "timestamp", binary = "binary", varbinary = "binary"
  }

  # Every source has columns besides the contract's: what identifies a record, and what no column wanted.
  added = {
    stream = [["_id", "string"], ["_extra", "string"]]
    table  = [["_op", "string"], ["_ttl", "boolean"], ["_seq", "decimal(38,0)"], ["_at", "timestamp"], ["_extra", "string"]]
  }

  described = { for name, source in var.sources : name => source if source.has_contract }

  columns = {
    for name, source in local.described : name => concat(
      [
        for column in source.columns : {
          name = column.name
          type = (
            can(regex("^(?:decimal|numeric) *[(] *[0-9]+ *(?:, *[0-9]+ *)?[)]$", lower(trimspace(column.type))))
            ? format("decimal(%d,%d)", slice(concat(regexall("[0-9]+", column.type), ["0"]), 0, 2)...)
            : can(regex("^(?:varchar|char) *[(] *[0-9]+ *[)]$", lower(trimspace(column.type))))
            ? "string"
            : lookup(local.types, lower(trimspace(column.type)), null)
          )
          # Glue takes comments of at most 255 characters.
          comment = column.description == null ? null : substr(column.description, 0, 255)
        }
      ],
      [for added in lookup(local.added, source.kind, []) : { name = added[0], type = added[1], comment = null }],
    )
  }

  # Streams and tables lie by day of arrival unless they say otherwise.
  partitions = { for name, source in local.described : name => source.partition == null ? "day" : source.partition }

  parquet = {
    input  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    serde  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
  }

  parameters = {
    EXTERNAL           = "TRUE"
    classification     = "parquet"
    "tarn.kind"        = "source"
    "tarn.deployed_by" = "terraform"
  }
}

# Streams and tables: readers look for a folder per day, so nobody has to be told that files came in. The last day is tomorrow, because `NOW`
# is a day of UTC and the lake's own day may have begun before.
resource "aws_glue_catalog_table" "arriving" {
  for_each = { for name, source in local.described : name => source if source.kind != "snapshot" }

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(local.parameters, {
    "projection.enabled"                                     = "true"
    "storage.location.template"                              = "s3://${var.bucket}/source/${each.key}/${local.partitions[each.key]}=$${${local.partitions[each.key]}}/"
    "projection.${local.partitions[each.key]}.type"          = "date"
    "projection.${local.partitions[each.key]}.range"         = "2015-01-01,NOW+1DAYS"
    "projection.${local.partitions[each.key]}.format"        = "yyyy-MM-dd"
    "projection.${local.partitions[each.key]}.interval"      = "1"
    "projection.${local.partitions[each.key]}.interval.unit" = "DAYS"
  })

  partition_keys {
    name = local.partitions[each.key]
    type = "date"
  }

  storage_descriptor {
    # Nothing is there: the rows are where the template says.
    location      = "s3://${var.bucket}/work/nothing/${each.key}/"
    input_format  = local.parquet.input
    output_format = local.parquet.output

    ser_de_info {
      serialization_library = local.parquet.serde
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = local.columns[each.key]
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  lifecycle {
    precondition {
      condition     = alltrue([for column in local.columns[each.key] : column.type != null])
      error_message = "The source `${each.key}` has columns of a type that there is not: ${join(", ", [for column in each.value.columns : "`${column.name}: ${column.type}`" if one([for typed in local.columns[each.key] : typed.type if typed.name == column.name]) == null])}. Types are boolean, tinyint, smallint, int, bigint, float, double, decimal(p,s), string, json, date, timestamp and binary."
    }
  }
}

# Snapshots are there from the first day, empty. Each export that comes in puts itself in the place of the one before, with the columns of its
# own files, so what the table says after that is no drift.
resource "aws_glue_catalog_table" "snapshots" {
  for_each = { for name, source in local.described : name => source if source.kind == "snapshot" }

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"
  parameters    = { for name, value in local.parameters : name => value if name != "tarn.deployed_by" }

  storage_descriptor {
    location      = "s3://${var.bucket}/source/${each.key}/"
    input_format  = local.parquet.input
    output_format = local.parquet.output

    ser_de_info {
      serialization_library = local.parquet.serde
      parameters            = { "serialization.format" = "1" }
    }

    dynamic "columns" {
      for_each = local.columns[each.key]
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  lifecycle {
    ignore_changes = [description, parameters, partition_keys, storage_descriptor, table_type, view_original_text, view_expanded_text]

    precondition {
      condition     = alltrue([for column in local.columns[each.key] : column.type != null])
      error_message = "The source `${each.key}` has a column of a type that there is not. Types are boolean, tinyint, smallint, int, bigint, float, double, decimal(p,s), string, json, date, timestamp and binary."
    }
  }
}
