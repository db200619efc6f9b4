# What reading and writing tables through Athena takes: of the workgroup, of the catalogue, and of the buckets.

locals {
  workgroup_arn = "arn:${local.partition}:athena:${local.region}:${local.account}:workgroup/${var.workgroup}"
  glue_arn      = "arn:${local.partition}:glue:${local.region}:${local.account}"
  results_arn   = "arn:${local.partition}:s3:::${var.results_bucket}"
  catalogue     = ["${local.glue_arn}:catalog", "${local.glue_arn}:database/${var.database}", "${local.glue_arn}:table/${var.database}/*"]

  queries = concat([
    { sid = "Query", actions = ["athena:GetQueryExecution", "athena:StartQueryExecution", "athena:StopQueryExecution"], resources = [local.workgroup_arn] },
    # Step Functions' own list of what waiting for a query takes.
    { sid = "FindCatalogue", actions = ["athena:GetDataCatalog"], resources = ["arn:${local.partition}:athena:${local.region}:${local.account}:datacatalog/AwsDataCatalog"] },
    # Athena looks at the database `default` whatever a query reads.
    { sid = "FindDatabases", actions = ["glue:GetDatabase"], resources = concat(local.catalogue, ["${local.glue_arn}:database/default"]) },
    {
      sid       = "ReadAndMakeTables"
      actions   = ["glue:BatchCreatePartition", "glue:BatchGetPartition", "glue:CreateTable", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
      resources = local.catalogue
    },
    { sid = "FindObjects", actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], resources = [local.lake_arn, local.results_arn] },
    { sid = "ReadTables", actions = ["s3:GetObject"], resources = ["${local.lake_arn}/source/*", "${local.lake_arn}/seed/*", "${local.lake_arn}/runs/tables/*"] },
    {
      sid       = "WriteTables"
      actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
      resources = ["${local.lake_arn}/model/*", "${local.results_arn}/*"]
    },
    ], length(var.export_keys) == 0 ? [] : [
    { sid = "FindExports", actions = ["s3:GetBucketLocation", "s3:ListBucket"], resources = [local.raw_arn] },
    { sid = "ReadExports", actions = ["s3:GetObject"], resources = ["${local.raw_arn}/raw/aurora-exports/*"] },
    { sid = "DecryptExports", actions = ["kms:Decrypt"], resources = var.export_keys },
  ])
}
