#pragma once
// HubClient: asks a hub for models and files. Every question ends in one call back, on this thread.

#include "app/download/hub_api.h"

#include <functional>
#include <QObject>

class QNetworkAccessManager;

namespace app {

class HubClient : public QObject {
    Q_OBJECT

  public:
    template<typename T>
    using Then = std::function<void(const engine::Result<T>&)>;

    explicit HubClient(FetchLimits limits = {}, QObject* parent = nullptr);

    void search(QNetworkAccessManager& network, HubKind hub, const QString& endpoint,
                const QString& words, const QByteArray& token, Then<QList<RemoteModel>> then);
    void list(QNetworkAccessManager& network, HubKind hub, const QString& endpoint,
              const QString& repository, const QByteArray& token, Then<RemoteRepository> then);

  private:
    void ask(QNetworkAccessManager& network, FetchRequest request, Then<QByteArray> then);

    FetchLimits m_limits;
};

} // namespace app
