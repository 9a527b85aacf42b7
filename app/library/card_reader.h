#pragma once
// CardReader: opens a candidate and fills its card. Any thread but the GUI's: it reads headers and
// vocabularies, up to a tenth of a second a model.

#include "app/library/model_walk.h"

namespace app {

/// The status says why it is no model that works here.
engine::Result<ModelCard> readCard(const ModelCandidate& candidate);

} // namespace app
