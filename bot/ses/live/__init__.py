"""What a real AWS account answers, beside what this code expects of it: the AWS steps of `doctor --live`.

What cannot be known before the first real account stands in docs/first-contact.md; each of it is an observation here.
"""
