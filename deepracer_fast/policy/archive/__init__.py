"""Models as files: frozen graphs, model archives, and weights.

``frozen_graph.py`` writes the graph that the car runs and ``graph_import.py`` reads such graphs;
``model_archive.py`` packs and unpacks ``<name>.tar.gz``; ``weights.py`` keeps checkpoints.
Neighbours: ``networks.py`` before, ``model.py`` after.
"""
