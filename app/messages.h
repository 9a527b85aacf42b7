#pragma once
// Messages: a Status as a sentence in the user's language. The English templates live in
// engine/status_codes.inc and are the translation keys (context "Status").

#include "engine/status.h"

#include <QString>

namespace app {

/// The translated sentence, arguments filled in and made safe to show. Any thread.
QString sentence(const engine::Status& status);

} // namespace app
