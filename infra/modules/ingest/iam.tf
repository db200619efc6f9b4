# What each delivery stream may do: call its function, read its table's columns, write below its own prefixes.

data "aws_iam_policy_document" "delivery_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "delivery" {
  for_each = var.streams

  name               = "${local.delivery[each.key]}-delivery"
  description        = "What the delivery stream ${local.delivery[each.key]} may do"
  assume_role_policy = data.aws_iam_policy_document.delivery_assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "delivery" {
  for_each = var.streams

  statement {
    sid     = "WriteObjects"
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${local.lake}/source/${each.key}/*",
      "${local.lake}/errors/${each.key}/*",
      "${local.raw}/raw/${each.key}/*",
      "${local.raw}/errors/${each.key}/*",
    ]
  }

  statement {
    sid       = "FindObjects"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.lake, local.raw]
  }

  statement {
    sid     = "ReadColumns"
    actions = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
    resources = [
      "arn:${data.aws_partition.current.partition}:glue:${local.here}:catalog",
      "arn:${data.aws_partition.current.partition}:glue:${local.here}:database/${var.database}",
      "arn:${data.aws_partition.current.partition}:glue:${local.here}:table/${var.database}/${each.key}",
    ]
  }

  statement {
    sid       = "Transform"
    actions   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
    resources = [module.transform[each.key].arn, "${module.transform[each.key].arn}:$LATEST"]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.delivery[each.key].arn}:log-stream:*"]
  }
}

resource "aws_iam_role_policy" "delivery" {
  for_each = var.streams

  name   = "own"
  role   = aws_iam_role.delivery[each.key].id
  policy = data.aws_iam_policy_document.delivery[each.key].json
}
