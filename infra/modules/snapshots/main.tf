# Snapshots of Aurora flow in: the machine that exports them to S3, and the function that registers the tables.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name      = "${var.prefix}-aurora-export"
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.name
  partition = data.aws_partition.current.partition
  lake_arn  = "arn:${local.partition}:s3:::${var.bucket}"
  raw_arn   = "arn:${local.partition}:s3:::${var.raw_bucket}"
  glue_arn  = "arn:${local.partition}:glue:${local.region}:${local.account}"
  rds_arn   = "arn:${local.partition}:rds:${local.region}:${local.account}"

  clusters = [for cluster in var.clusters : "${local.rds_arn}:cluster:${cluster}"]

  exports = "${local.raw_arn}/raw/aurora-exports/*"
}

module "snapshot_register" {
  source = "../function"

  name               = "${var.prefix}-snapshot-register"
  description        = "Makes tables of what Aurora exported"
  zip                = "${var.functions}/snapshot-register.zip"
  architecture       = var.architecture
  memory_mb          = 512
  timeout_seconds    = 900
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags
  environment        = { TARN_BUCKET = var.bucket, TARN_RAW_BUCKET = var.raw_bucket, TARN_DATABASE = var.database }

  statements = [
    { sid = "ReadProject", actions = ["s3:GetObject"], resources = ["${local.lake_arn}/project/*"] },
    { sid = "KeepCatalogue", actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = ["${local.lake_arn}/catalogue/*"] },
    { sid = "ReadExports", actions = ["s3:GetObject"], resources = [local.exports] },
    { sid = "FindExports", actions = ["s3:ListBucket"], resources = [local.lake_arn, local.raw_arn] },
    { sid = "Decrypt", actions = ["kms:Decrypt"], resources = [aws_kms_key.exports.arn] },
    {
      sid       = "RegisterTables"
      actions   = ["glue:CreateTable", "glue:GetPartitions", "glue:GetTable", "glue:UpdateTable"]
      resources = ["${local.glue_arn}:catalog", "${local.glue_arn}:database/${var.database}", "${local.glue_arn}:table/${var.database}/*"]
    },
  ]
}

module "machine" {
  source = "../machine"

  name               = local.name
  alarm_topic_arn    = var.alarm_topic_arn
  log_retention_days = var.log_retention_days
  tags               = var.tags

  definition = templatefile("${var.machines}/aurora-export.asl.json", {
    snapshot_register = module.snapshot_register.arn
    export_role       = aws_iam_role.export.arn
    export_key        = aws_kms_key.exports.arn
    raw_bucket        = var.raw_bucket
  })

  statements = [
    { sid = "Register", actions = ["lambda:InvokeFunction"], resources = [module.snapshot_register.arn] },
    # A listing is asked of all snapshots; what is made is named after its cluster.
    { sid = "FindSnapshots", actions = ["rds:DescribeDBClusterSnapshots"], resources = concat(local.clusters, ["${local.rds_arn}:cluster-snapshot:*"]) },
    {
      sid       = "MakeSnapshots"
      actions   = ["rds:CreateDBClusterSnapshot"]
      resources = concat(local.clusters, [for cluster in var.clusters : "${local.rds_arn}:cluster-snapshot:tarn-${cluster}-*"])
    },
    # These two take no resources. What is exported with which role and key, and to where, the statements below bound.
    { sid = "Export", actions = ["rds:DescribeExportTasks", "rds:StartExportTask"], resources = ["*"] },
    {
      sid        = "LendRole"
      actions    = ["iam:PassRole"]
      resources  = [aws_iam_role.export.arn]
      conditions = [{ test = "StringEquals", variable = "iam:PassedToService", values = ["export.rds.amazonaws.com"] }]
    },
    { sid = "LookAtKey", actions = ["kms:DescribeKey"], resources = [aws_kms_key.exports.arn] },
    {
      sid        = "LendKey"
      actions    = ["kms:CreateGrant"]
      resources  = [aws_kms_key.exports.arn]
      conditions = [{ test = "Bool", variable = "kms:GrantIsForAWSResource", values = ["true"] }]
    },
  ]
}
