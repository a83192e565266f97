-- ARGV: seconds to live, field, value. Returns 1 if there is such a job.

if not known_total() then
    return 0
end
renew(ARGV[1])
redis.call('HSET', JOB, ARGV[2], ARGV[3])
return 1
