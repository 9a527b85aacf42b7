#include "app/download/hub_client.h"

#include "app/download/file_names.h"

#include <memory>

namespace app {

namespace {

constexpr qsizetype kMostAnswer_bytes = 32 << 20;

} // namespace

HubClient::HubClient(FetchLimits limits, QObject* parent) : QObject(parent), m_limits(limits) {}

void HubClient::ask(QNetworkAccessManager& network, FetchRequest request, Then<QByteArray> then) {
    auto* fetch = new HttpFetch(network, m_limits, this);
    auto body = std::make_shared<QByteArray>();
    const auto end = [fetch, then](const engine::Result<QByteArray>& result) {
        fetch->disconnect();
        fetch->abort();
        fetch->deleteLater();
        then(result);
    };
    const QString file = request.file;
    connect(fetch, &HttpFetch::answered, this, [end, file](const FetchAnswer& answer) {
        if (answer.status != 200)
            return end(answer.refusal(file));
        if (answer.header("content-type").toLower().startsWith("text/html"))
            end(engine::Status(engine::Code::DownloadNotAFile, {{"host", answer.host.toStdString()},
                                                                {"file", file.toStdString()}}));
    });
    connect(fetch, &HttpFetch::arrived, this, [fetch, body, end, file, request] {
        body->append(fetch->read(kMostAnswer_bytes));
        if (body->size() > kMostAnswer_bytes)
            end(engine::Status(engine::Code::DownloadUnusable,
                               {{"host", request.url.host().toStdString()},
                                {"file", file.toStdString()},
                                {"problem", "the answer is too long"}}));
    });
    connect(fetch, &HttpFetch::ended, this, [body, end] { end(*body); });
    connect(fetch, &HttpFetch::failed, this,
            [end](engine::Status status) { end(std::move(status).with("offset", "0")); });
    fetch->start(request);
}

void HubClient::search(QNetworkAccessManager& network, HubKind hub, const QString& endpoint,
                       const QString& words, const QByteArray& token,
                       Then<QList<RemoteModel>> then) {
    FetchRequest request = searchRequest(hub, endpoint, words);
    request.token = token;
    ask(network, request,
        [hub, host = request.url.host(), then](const engine::Result<QByteArray>& answer) {
            then(answer.ok() ? parseSearch(hub, answer.value(), host)
                             : engine::Result<QList<RemoteModel>>(answer.status()));
        });
}

void HubClient::list(QNetworkAccessManager& network, HubKind hub, const QString& endpoint,
                     const QString& repository, const QByteArray& token,
                     Then<RemoteRepository> then) {
    if (!isRepositoryName(repository))
        return then(engine::Status(
            engine::Code::DownloadAddressInvalid,
            {{"address", repository.toStdString()},
             {"expected", "a model is called by its owner and its name, like owner/name"}}));
    FetchRequest request = listRequest(hub, endpoint, repository);
    request.token = token;
    ask(network, request,
        [hub, endpoint, repository, then](const engine::Result<QByteArray>& answer) {
            then(answer.ok() ? parseListing(hub, endpoint, repository, answer.value())
                             : engine::Result<RemoteRepository>(answer.status()));
        });
}

} // namespace app
