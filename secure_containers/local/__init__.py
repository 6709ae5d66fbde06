"""`cdk deploy` on one machine, without an account and without Docker: `pip install 'secure-containers[local]'`.

`server` runs the emulator ministack with the extension that stands here, `connection` tells how to reach it, and
`kinds` what it makes of each resource type. Nothing in the library imports this package.
"""
