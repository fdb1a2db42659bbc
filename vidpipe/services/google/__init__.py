"""Google's services: Veo on Vertex with its bucket, and the Gemini API that films, draws and writes."""
