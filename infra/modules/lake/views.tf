# The latest image of each item of a table: of its changes the one with the highest sequence number, removed items left out. Athena keeps a
# view in the catalogue as JSON in base64. It is there from the first day, so that it can be granted; `tarn push` publishes it from then on.

locals {
  tables = { for name, source in local.described : name => source if source.kind == "table" }

  view_columns = {
    for name, source in local.tables : name => concat(
      local.columns[name],
      [{ name = local.partitions[name], type = "date", comment = null }],
    )
  }

  quoted = {
    for name, columns in local.view_columns : name => [for column in columns : "\"${replace(column.name, "\"", "\"\"")}\""]
  }

  view_queries = {
    for name, source in local.tables : name => <<-SQL
      select
        ${join(",\n  ", local.quoted[name])}
      from (
        select
          *,
          row_number() over (
            partition by ${join(", ", [for column in source.key : "\"${replace(column, "\"", "\"\"")}\""])}
            order by "_seq" desc
          ) as "_tarn_rank"
        from "${name}"
      ) as ranked
      where "_tarn_rank" = 1
        and "_op" <> 'remove'
    SQL
  }

  # Athena's names of the types, where they are not Glue's.
  view_types = { string = "varchar", int = "integer", float = "real", binary = "varbinary", timestamp = "timestamp(3)" }
}

resource "aws_glue_catalog_table" "current" {
  for_each = local.tables

  database_name      = aws_glue_catalog_database.this.name
  name               = "${each.key}_current"
  description        = "The latest image of each item of `${each.key}`."
  table_type         = "VIRTUAL_VIEW"
  view_expanded_text = "/* Presto View */"

  view_original_text = "/* Presto View: ${base64encode(jsonencode({
    originalSql = trimspace(local.view_queries[each.key])
    catalog     = "awsdatacatalog"
    schema      = var.database
    columns = [
      for column in local.view_columns[each.key] : { name = column.name, type = lookup(local.view_types, coalesce(column.type, "string"), column.type) }
    ]
  }))} */"

  parameters = {
    presto_view = "true"
    comment     = "Presto View"
    "tarn.kind" = "source"
  }

  storage_descriptor {
    dynamic "columns" {
      for_each = local.view_columns[each.key]
      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  depends_on = [aws_glue_catalog_table.arriving]

  lifecycle {
    ignore_changes = [description, parameters, storage_descriptor, table_type, view_original_text, view_expanded_text]
  }
}
