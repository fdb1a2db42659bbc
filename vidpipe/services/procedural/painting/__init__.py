"""Paints a moving scene from a prompt's words: layers in parallax, light, water, weather and someone in it.

film      the clip: builds the scene once, then gives frame after frame
camera    the move, as an offset and a crop for each moment
stage     what painters are handed; sky, land, water, towns, rooms, places: the painters
figures   people and animals; vehicles: what drives, sails and flies; cast: who stands where
weather   rain, snow, fog, dust
plate     the canvas and its integer arithmetic
"""
