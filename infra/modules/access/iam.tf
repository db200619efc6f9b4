# The role by which Lake Formation hands out rows, and a policy that gives people all the rest.

data "aws_iam_policy_document" "reader_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lakeformation.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "reader" {
  name               = "tarn-${var.name}-lake-formation"
  description        = "What Lake Formation may read of the lake ${var.name} for those whom it lets in"
  assume_role_policy = data.aws_iam_policy_document.reader_assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "reader" {
  statement {
    sid       = "ReadRows"
    actions   = ["s3:GetObject"]
    resources = [for folder in ["source", "model", "seed", "runs"] : "${local.bucket}/${folder}/*"]
  }

  statement {
    sid       = "FindRows"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket]
  }

  dynamic "statement" {
    for_each = length(var.export_keys) == 0 ? {} : {
      ReadExports    = { actions = ["s3:GetObject"], resources = ["${local.raw}/raw/aurora-exports/*"] }
      FindExports    = { actions = ["s3:ListBucket"], resources = [local.raw] }
      DecryptExports = { actions = ["kms:Decrypt"], resources = var.export_keys }
    }
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }
}

resource "aws_iam_role_policy" "reader" {
  name   = "own"
  role   = aws_iam_role.reader.id
  policy = data.aws_iam_policy_document.reader.json
}

locals {
  athena = "arn:${data.aws_partition.current.partition}:athena:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  glue   = "arn:${data.aws_partition.current.partition}:glue:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
}

# Which rows and columns they see is Lake Formation's business: there are no objects of the lake in it.
data "aws_iam_policy_document" "people" {
  statement {
    sid = "Ask"
    actions = [
      "athena:BatchGetQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup", "athena:ListQueryExecutions",
      "athena:StartQueryExecution", "athena:StopQueryExecution",
    ]
    resources = [var.people_workgroup_arn]
  }

  # The console and JDBC drivers look through catalogues, databases and tables by Athena itself.
  statement {
    sid       = "LookAround"
    actions   = ["athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDatabases", "athena:ListTableMetadata"]
    resources = ["${local.athena}:datacatalog/AwsDataCatalog"]
  }

  # A list is of all catalogues, or of none.
  statement {
    sid       = "FindCatalogues"
    actions   = ["athena:ListDataCatalogs", "athena:ListWorkGroups"]
    resources = ["*"]
  }

  # Lists of databases show those that Lake Formation lets in; Athena looks at the database `default` whatever is asked.
  statement {
    sid       = "FindDatabases"
    actions   = ["glue:GetDatabase", "glue:GetDatabases"]
    resources = ["${local.glue}:catalog", "${local.glue}:database/${var.database}", "${local.glue}:database/default"]
  }

  statement {
    sid       = "ReadCatalogue"
    actions   = ["glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
    resources = ["${local.glue}:catalog", "${local.glue}:database/${var.database}", "${local.glue}:table/${var.database}/*"]
  }

  statement {
    sid       = "KeepResults"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.results_bucket}/people/*"]
  }

  statement {
    sid       = "FindResults"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.results_bucket}"]
  }

  # There is nothing to name: Lake Formation itself says what is handed out.
  statement {
    sid       = "ReadRows"
    actions   = ["lakeformation:GetDataAccess"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "people" {
  name        = "tarn-${var.name}-people"
  description = "Queries on the lake ${var.name}; which rows and columns, Lake Formation says"
  policy      = data.aws_iam_policy_document.people.json
  tags        = var.tags
}
