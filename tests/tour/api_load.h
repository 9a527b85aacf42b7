#pragma once
// ApiLoad: clients of the running API, each with a key of its own, whose streams come in waves, so
// that the charts have something to show. GUI thread.

#include <memory>
#include <QElapsedTimer>
#include <QList>
#include <QObject>
#include <QTimer>

class QNetworkAccessManager;
class QNetworkReply;

namespace app {
class ApiController;
}

namespace tests {

class ApiLoad : public QObject {
    Q_OBJECT

  public:
    explicit ApiLoad(app::ApiController& api);
    ~ApiLoad() override;

    void start();
    /// Ends the streams.
    void stop();
    int answered() const { return m_answered; }
    int failed() const { return m_failed; }

  private:
    struct Client {
        QString name;
        QByteArray key;
        QString system; // shared by its requests: a prefix that is computed once
        int promptWords = 0;
        int answerTokens = 0;
        QNetworkAccessManager* network = nullptr; // six connections each
        QList<QNetworkReply*> streams;
    };

    void tick();
    void ask(Client& client);

    app::ApiController& m_api;
    std::vector<Client> m_clients;
    QTimer m_timer;
    QElapsedTimer m_since;
    int m_asked = 0;
    int m_answered = 0;
    int m_failed = 0;
};

} // namespace tests
