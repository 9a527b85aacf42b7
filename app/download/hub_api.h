#pragma once
// The protocols of the hubs as pure functions: addresses to ask, answers to understand.
// Hugging Face (https://huggingface.co/docs/hub/api; hf-mirror speaks it too) and ModelScope
// (the protocol of its own client, https://github.com/modelscope/modelscope, modelscope/hub/api.py,
// and of its search page). Answers are hostile until understood: names are checked here.

#include "app/download/download_values.h"
#include "app/download/http_fetch.h"

#include <QByteArray>

namespace app {

/// `endpoint` without a slash at its end.
FetchRequest searchRequest(HubKind hub, const QString& endpoint, const QString& words);
FetchRequest listRequest(HubKind hub, const QString& endpoint, const QString& repository);

/// DownloadUnusable when the answer is not what the protocol says.
engine::Result<QList<RemoteModel>> parseSearch(HubKind hub, const QByteArray& answer,
                                               const QString& host);
/// Files whose names could lead out of a folder are an error; hidden ones are left out.
engine::Result<RemoteRepository> parseListing(HubKind hub, const QString& endpoint,
                                              const QString& repository, const QByteArray& answer);

/// A typed endpoint without what does not belong there; DownloadAddressInvalid when it is none.
engine::Result<QString> cleanEndpoint(const QString& typed);

} // namespace app
