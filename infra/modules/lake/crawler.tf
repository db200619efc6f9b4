# For sources without a contract, when somebody asks for it: a crawler that finds columns, and adds those that are new. What Aurora exports
# is a table where RDS wrote it, with the columns that its files have.

locals {
  undescribed = var.crawler_schedule == null ? {} : { for name, source in var.sources : name => source if !source.has_contract && source.cluster == null }
  crawls      = length(local.undescribed) > 0
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_iam_policy_document" "crawler_assume" {
  count = local.crawls ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

locals {
  glue = "arn:${data.aws_partition.current.partition}:glue:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  logs = "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}

data "aws_iam_policy_document" "crawler" {
  count = local.crawls ? 1 : 0

  statement {
    sid       = "ReadRows"
    actions   = ["s3:GetObject"]
    resources = [for name in keys(local.undescribed) : "${aws_s3_bucket.this["lake"].arn}/source/${name}/*"]
  }

  statement {
    sid       = "FindRows"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.this["lake"].arn]
  }

  statement {
    sid = "DescribeTables"
    actions = [
      "glue:BatchCreatePartition", "glue:BatchGetPartition", "glue:CreateTable", "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions",
      "glue:GetTable", "glue:GetTables", "glue:UpdatePartition", "glue:UpdateTable",
    ]
    resources = concat(
      ["${local.glue}:catalog", "${local.glue}:database/${var.database}"],
      [for name in keys(local.undescribed) : "${local.glue}:table/${var.database}/${name}"],
    )
  }

  # All crawlers write into these groups of AWS's own.
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.logs}:log-group:/aws-glue/crawlers*"]
  }
}

resource "aws_iam_role" "crawler" {
  count = local.crawls ? 1 : 0

  name               = "tarn-${var.name}-crawler"
  description        = "What the crawler of the lake ${var.name} may do"
  assume_role_policy = data.aws_iam_policy_document.crawler_assume[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy" "crawler" {
  count = local.crawls ? 1 : 0

  name   = "own"
  role   = aws_iam_role.crawler[0].id
  policy = data.aws_iam_policy_document.crawler[0].json
}

resource "aws_glue_crawler" "undescribed" {
  #checkov:skip=CKV_AWS_195: a security configuration encrypts what the crawler logs; it logs no rows
  count = local.crawls ? 1 : 0

  name          = "tarn-${var.name}-sources"
  description   = "Columns of sources of the lake ${var.name} that have no contract"
  database_name = aws_glue_catalog_database.this.name
  role          = aws_iam_role.crawler[0].arn
  schedule      = var.crawler_schedule
  tags          = var.tags

  dynamic "s3_target" {
    for_each = local.undescribed
    content {
      path = "s3://${aws_s3_bucket.this["lake"].bucket}/source/${s3_target.key}/"
    }
  }

  # What is known stays, by `MergeNewColumns` below; a crawler only adds. One that looks at new folders alone may add nothing to a table.
  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "LOG"
  }

  recrawl_policy {
    recrawl_behavior = "CRAWL_EVERYTHING"
  }

  configuration = jsonencode({
    Version       = 1.0
    CrawlerOutput = { Partitions = { AddOrUpdateBehavior = "InheritFromTable" }, Tables = { AddOrUpdateBehavior = "MergeNewColumns" } }
    Grouping      = { TableGroupingPolicy = "CombineCompatibleSchemas" }
  })

  depends_on = [aws_iam_role_policy.crawler]
}
