"""Migrations of the store's schema: forward only, one file each in `versions`, run by
`middleware.store.engine.upgrade`.
"""
