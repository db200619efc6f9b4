# Three buckets, since what lies in them is kept for different times and read by different people: what arrived, what Tarn made of it, and
# results of queries.

locals {
  buckets = {
    lake    = var.bucket
    raw     = var.raw_bucket
    results = var.results_bucket
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18: logs of every read cost more than the lake; CloudTrail logs data events where somebody needs them
  #checkov:skip=CKV_AWS_21: what arrived has versions; versions of models and answers are immutable, and made again from it
  #checkov:skip=CKV_AWS_144: a copy in another region is the user's to decide; the raw bucket alone has to be copied
  #checkov:skip=CKV_AWS_145: S3 encrypts with its own key; a key of KMS costs by the request, and a lake makes many
  #checkov:skip=CKV2_AWS_62: the raw bucket has notifications, by the module `ingest`; the others have nobody to notify
  for_each = local.buckets

  bucket        = each.value
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# What arrived cannot be had again: an overwritten or deleted object stays for a while.
resource "aws_s3_bucket_versioning" "raw" {
  bucket = aws_s3_bucket.this["raw"].id

  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.buckets

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "tls_only" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.tls_only[each.key].json

  # S3 refuses two changes of a bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Tarn itself removes old versions of models, by the lake's retention. What nobody asks for any more goes here.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300: the first rule aborts them, for every bucket; rules that are made by a loop confuse the check
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "abort-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Rows that a mart was to read, of a load that was killed: others are removed by the load itself.
  dynamic "rule" {
    for_each = each.key == "lake" ? [1] : []
    content {
      id     = "expire-rows-for-marts"
      status = "Enabled"

      filter {
        prefix = "mart/"
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "results" ? [var.result_days] : []
    content {
      id     = "expire-results"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "raw" ? [var.old_version_days] : []
    content {
      id     = "expire-old-versions"
      status = "Enabled"

      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }

      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.raw]
}
