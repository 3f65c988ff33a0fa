"""Trainers of the model; `method` names the module.

A module has `fit`, with the signature of `model_service.training.fit.fit`, DESCRIPTION, for the model card, and
SETTINGS, the fields of FitConfig that it uses beside epochs, patience and seed.
"""
