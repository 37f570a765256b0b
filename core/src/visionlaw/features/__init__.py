"""Images to tokens: geometry, feature maps, preprocessing, the extraction loop and its cache."""
