"""Roundsman. (map to come)"""
