"""Roundsman: CircleCI webhooks in, notifications out, each with its reasons.

It stores every webhook, asks CircleCI for the details, notifies the receivers that the routes name, and can explain
each decision.

The map. A module imports only from groups above its own; tests/test_map.py reads this table and holds us to it.

    words       model errors clock network_errors retry_after text seal_chain
    counting    build_metrics
    telemetry   metrics log_stream
    logging     logs
    judgment    routing message
    settings    config
    edges       circleci channels db oidc
    records     store
    work        queue
    flow        pipeline
    acts        operations
    readiness   health
    surfaces    web terminal
    assembly    app
    fakes       testing
    stage       demo
    entry       cli

What each may import from others' work; what is not named here uses the standard library alone.

    metrics     prometheus_client
    build_metrics  prometheus_client
    routing     cronsim
    log_stream  structlog
    logs        structlog
    message     jinja2
    config      pydantic yaml
    circleci    httpx pydantic
    channels    apprise requests slack_sdk
    db          alembic sqlalchemy
    store       pydantic sqlalchemy zstandard
    oidc        authlib httpx joserfc
    queue       procrastinate psycopg psycopg_pool sqlalchemy structlog
    pipeline    structlog
    health      httpx structlog
    web         httptools itsdangerous jinja2 markupsafe mcp starlette structlog uvicorn
    app         starlette structlog
    terminal    rich
    testing     httpx rich starlette uvicorn
    demo        httpx rich
    cli         rich structlog typer

The life of a webhook: web verifies it, pipeline keeps and parses it, asks CircleCI, decides and sends, store remembers
each step, and web and cli read it back.
"""
