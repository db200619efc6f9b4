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
}
